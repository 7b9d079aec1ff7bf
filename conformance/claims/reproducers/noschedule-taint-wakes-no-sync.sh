expected='desiredNumberScheduled 1 and numberMisscheduled 1 as soon as one of two nodes has a taint that the running pod does not tolerate'

cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
YAML
come 180 node --all --for=condition=Ready
kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "${IMAGE:-registry.k8s.io/pause:3.10}"}]}
YAML
kubectl rollout status daemonset/agent --timeout=180s
# A sync that the creation still has coming would see the taint.
never 15 daemonset/agent --for=jsonpath='{.status.desiredNumberScheduled}'=1 || cannot 'the DaemonSet is not on two nodes'

counters() {
    kubectl get daemonset agent -o jsonpath='desiredNumberScheduled {.status.desiredNumberScheduled}, numberMisscheduled {.status.numberMisscheduled}'
}

node=$(kubectl get pods -l app=agent -o jsonpath='{.items[0].spec.nodeName}')
say "kubectl taint node $node dedicated=gpu:NoSchedule"
kubectl taint node "$node" dedicated=gpu:NoSchedule
if ! never 30 daemonset/agent --for=jsonpath='{.status.desiredNumberScheduled}'=1; then
    not_seen "$(counters)"
fi
stale=$(counters)
say 'kubectl annotate daemonset/agent touched=yes'
kubectl annotate daemonset/agent touched=yes
come 30 daemonset/agent --for=jsonpath='{.status.desiredNumberScheduled}'=1
seen "$stale for 30 s; $(counters) only when something else touched the DaemonSet"
