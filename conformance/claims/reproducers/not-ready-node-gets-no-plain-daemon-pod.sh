expected='a pod on the node although it is not Ready: node.kubernetes.io/not-ready is documented as tolerated automatically'

# Without a network plugin the nodes do not become Ready.
cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {disableDefaultCNI: true}
nodes: [{role: control-plane}, {role: worker}]
YAML
worker="$name-worker"
come 60 "node/$worker" --for=condition=Ready=False
# The second one differs in nothing but its own toleration.
for each in 'plain []' 'tolerant [{key: node.kubernetes.io/not-ready, operator: Exists}]'; do
    kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ${each%% *}}
spec:
  selector: {matchLabels: {app: ${each%% *}}}
  template:
    metadata: {labels: {app: ${each%% *}}}
    spec:
      hostNetwork: true
      tolerations: ${each#* }
      containers: [{name: agent, image: "${IMAGE:-registry.k8s.io/pause:3.10}"}]
YAML
done
kubectl rollout status daemonset/tolerant --timeout=180s
say 'the one that tolerates the taint itself runs on the node; the plain one has thirty seconds'
if ! never 30 daemonset/plain --for=jsonpath='{.status.desiredNumberScheduled}'=1; then
    not_seen 'the plain one is there too'
fi
taints=$(kubectl get node "$worker" -o jsonpath='{range .spec.taints[*]}{.key}:{.effect} {end}')
tolerated=$(kubectl get pods -l app=tolerant -o jsonpath='{range .items[0].spec.tolerations[?(@.key=="node.kubernetes.io/not-ready")]}{.effect} {end}')

say 'the node gets a network and becomes Ready'
docker exec -i "$worker" sh -c 'cat >/etc/cni/net.d/10-plain.conflist' <<'JSON'
{"cniVersion": "0.3.1", "name": "plain", "plugins": [{"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.9.0/24"}]]}}]}
JSON
come 60 "node/$worker" --for=condition=Ready
kubectl rollout status daemonset/plain --timeout=60s
seen "no pod for 30 s, and one as soon as the node was Ready. The node's taints were ${taints% }; tolerated automatically is ${tolerated% }"
