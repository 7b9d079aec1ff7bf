"""What can be done to a cluster, as pure data: the words in which nodes and pods are told to misbehave, and what a kubelet writes then.

How a cluster brings it about is the business of `conformance.clusters`, which stands above this package.
"""
