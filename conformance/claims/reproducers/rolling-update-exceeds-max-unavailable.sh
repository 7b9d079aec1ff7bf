expected='at no moment of a rolling update are more than maxUnavailable (2) of the four nodes without an available pod'

# It is a race: a pod's object has to go while the controller is in the middle of a sync. Here its client may make four requests a second,
# and a second DaemonSet that is changed all the time takes half of them: its syncs are as long as those of a controller that has much to
# do, and the race comes within some updates.
cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}, {role: worker}, {role: worker}, {role: worker}]
kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    controllerManager:
      extraArgs: {kube-api-qps: "4", kube-api-burst: "1"}
YAML
come 300 node --all --for=condition=Ready
# Each pod takes four seconds to end, and is Ready four seconds after it started. Probes that are slow do not make it unready.
kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  updateStrategy: {rollingUpdate: {maxUnavailable: 2}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: agent
          image: "${IMAGE:-busybox:1}"
          imagePullPolicy: IfNotPresent
          command: [sh, -c, 'trap "sleep 4; exit 0" TERM; while :; do sleep 1; done']
          readinessProbe: {exec: {command: ["true"]}, initialDelaySeconds: 4, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 30}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: busy}
spec:
  selector: {matchLabels: {app: busy}}
  updateStrategy: {type: OnDelete}
  template:
    metadata: {labels: {app: busy}}
    spec:
      nodeSelector: {nowhere: "true"}
      containers: [{name: busy, image: "${IMAGE:-busybox:1}"}]
YAML
kubectl rollout status daemonset/agent --timeout=300s
come 60 daemonset/busy --for=jsonpath='{.status.observedGeneration}'=1

# Each change of each pod: its name, its node, whether its deletion was asked for, whether it is Ready.
fields='{.metadata.name}|{.spec.nodeName}|{.metadata.deletionTimestamp}|{.status.conditions[?(@.type=="Ready")].status}{"\n"}'
kubectl get pods -l app=agent --watch -o jsonpath="$fields" >"$work/changes" &

# Each time that the controller has seen the second DaemonSet it is changed again.
keep_busy() {
    local generation=2
    while kubectl patch daemonset busy --type=merge -p "{\"spec\": {\"template\": {\"metadata\": {\"annotations\": {\"n\": \"$generation\"}}}}}" &&
        kubectl wait daemonset/busy --for=jsonpath='{.status.observedGeneration}'="$generation" --timeout=60s; do
        generation=$((generation + 1))
    done
}
keep_busy >/dev/null 2>&1 &

# most_down: the most nodes that were without an available pod when an available one was deleted.
most_down() {
    awk -F'|' -v nodes=4 '
        {
            taken = available[$1] && $3 != ""
            available[$1] = $3 == "" && $4 == "True"
            node[$1] = $2
            split("", up)
            count = 0
            for (pod in available) if (available[pod] && !(node[pod] in up)) { up[node[pod]]; count++ }
            if (taken && nodes - count > most) most = nodes - count
        }
        END { print most + 0 }' "$work/changes"
}

for round in $(seq "${ROUNDS:-20}"); do
    say "update $round"
    kubectl patch daemonset agent --type=merge -p "{\"spec\": {\"template\": {\"metadata\": {\"annotations\": {\"round\": \"$round\"}}}}}"
    kubectl rollout status daemonset/agent --timeout=300s >/dev/null || cannot 'the update did not end'
    most=$(most_down)
    ((most <= 2)) || break
done
if ((most > 2)); then
    seen "in update $round an available pod was deleted, after which $most of 4 nodes had none"
fi
not_seen "never more than $most in $round updates"
