expected='the pods of the old template are replaced, or at least not counted as updated'

cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}]
YAML
come 180 node --all --for=condition=Ready

# daemonset VERSION: the manifest, with a template that says so.
daemonset() {
    cat <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent, version: "$1"}}
    spec: {containers: [{name: agent, image: "${IMAGE:-registry.k8s.io/pause:3.10}"}]}
YAML
}

daemonset old | kubectl create -f -
kubectl rollout status daemonset/agent --timeout=180s
pod=$(kubectl get pods -l app=agent -o name)

say 'kubectl delete daemonset agent --cascade=orphan, and create it again with another template'
kubectl delete daemonset agent --cascade=orphan
daemonset new | kubectl create -f -
come 30 daemonset/agent --for=jsonpath='{.status.currentNumberScheduled}'=1
come 30 "$pod" --for=jsonpath='{.metadata.ownerReferences[0].uid}'="$(kubectl get daemonset agent -o jsonpath='{.metadata.uid}')"
if ! never 30 "$pod" --for=delete; then
    not_seen 'the pod of the old template was replaced'
fi
said=$(kubectl rollout status daemonset/agent --timeout=5s) || not_seen "kubectl rollout status: $said"
version=$(kubectl get "$pod" -o jsonpath='{.metadata.labels.version}')
updated=$(kubectl get daemonset agent -o jsonpath='{.status.updatedNumberScheduled}')
[[ $version == old && $updated == 1 ]] || not_seen "a pod of version $version, updatedNumberScheduled $updated"
seen "after 30 s the pod still is of version $version, updatedNumberScheduled is $updated, and kubectl rollout status says: $said"
