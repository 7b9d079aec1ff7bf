expected='what the containers of the node write is in /var/lib/docker/containers, which the documented manifests mount for a log agent'

cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}]
YAML
come 180 node --all --for=condition=Ready
# The volumes are those of the documented manifest.
kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: agent
          image: "${IMAGE:-busybox:1}"
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "while :; do date; sleep 1; done"]
          volumeMounts:
            - {name: varlog, mountPath: /var/log}
            - {name: varlibdockercontainers, mountPath: /var/lib/docker/containers, readOnly: true}
      volumes:
        - {name: varlog, hostPath: {path: /var/log}}
        - {name: varlibdockercontainers, hostPath: {path: /var/lib/docker/containers}}
YAML
kubectl rollout status daemonset/agent --timeout=180s
runtime=$(kubectl get nodes -o jsonpath='{.items[0].status.nodeInfo.containerRuntimeVersion}')
pod=$(kubectl get pods -l app=agent -o jsonpath='{.items[0].metadata.name}')
say "kubectl exec $pod -- ls -A /var/lib/docker/containers"
found=$(kubectl exec "$pod" -- ls -A /var/lib/docker/containers)
say "kubectl exec $pod -- ls /var/log/pods"
logs=$(kubectl exec "$pod" -- ls /var/log/pods | grep "^default_${pod}_") || cannot 'the log of the pod is not in /var/log/pods either'
if [[ -n $found ]]; then
    not_seen "$found"
fi
seen "nothing is there with $runtime; the log of this very pod is in /var/log/pods/$logs"
