expected='the pod is deleted, and its node no longer counted, as soon as the node loses the label that the DaemonSet selects'

cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker, labels: {disktype: ssd}}]
YAML
come 180 node --all --for=condition=Ready
# No node has so much CPU: the pod waits for room.
kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      nodeSelector: {disktype: ssd}
      containers: [{name: agent, image: "${IMAGE:-registry.k8s.io/pause:3.10}", resources: {requests: {cpu: "10000"}}}]
YAML
come 60 daemonset/agent --for=jsonpath='{.status.currentNumberScheduled}'=1
come 60 pod -l app=agent --for=condition=PodScheduled=False
pod=$(kubectl get pods -l app=agent -o name)
# A sync that the creation still has coming would see the change.
never 15 "$pod" --for=delete || cannot 'the pod does not wait'

node=$(kubectl get nodes -l disktype=ssd -o jsonpath='{.items[0].metadata.name}')
say "kubectl label node $node disktype-"
kubectl label node "$node" disktype-
if ! never 30 "$pod" --for=delete; then
    not_seen 'the pod was deleted'
fi
counted=$(kubectl get daemonset agent -o jsonpath='{.status.desiredNumberScheduled}')
say 'kubectl annotate daemonset/agent touched=yes'
kubectl annotate daemonset/agent touched=yes
come 30 "$pod" --for=delete
seen "the pod was still Pending after 30 s, and desiredNumberScheduled $counted; both went only when something else touched the DaemonSet"
