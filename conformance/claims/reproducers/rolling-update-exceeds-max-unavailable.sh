expected='at no moment of a rolling update are more than maxUnavailable (2) of the three nodes without an available pod'

# It is a race: a pod's object has to go while the controller is in the middle of a sync, between a first look for nodes without a pod
# and a second one at the pods of all nodes. What lies between the two is the creation of pods. Here the API server answers to that three
# seconds late, though everybody sees the new pod at once: it tells of it to an audit webhook that is not there, and tries five times. So the
# race comes within a few updates.
mkdir "$work/audit"
cat >"$work/audit/policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [create]
    users: ["system:serviceaccount:kube-system:daemon-set-controller"]
    resources: [{group: "", resources: [pods]}]
  - level: None
YAML
cat >"$work/audit/webhook.yaml" <<'YAML'
apiVersion: v1
kind: Config
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: nowhere, context: {cluster: nowhere}}]
current-context: nowhere
YAML
cluster <<YAML
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - {role: control-plane, extraMounts: [{hostPath: "$work/audit", containerPath: /etc/kubernetes/audit, readOnly: true}]}
  - {role: worker}
  - {role: worker}
  - {role: worker}
kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    apiServer:
      extraArgs:
        audit-policy-file: /etc/kubernetes/audit/policy.yaml
        audit-webhook-config-file: /etc/kubernetes/audit/webhook.yaml
        audit-webhook-mode: blocking
        audit-webhook-initial-backoff: 400ms
      extraVolumes:
        - {name: audit, hostPath: /etc/kubernetes/audit, mountPath: /etc/kubernetes/audit, readOnly: true, pathType: Directory}
YAML
come 300 node --all --for=condition=Ready
# Each pod is Ready four seconds after it started. Of two that are deleted together one takes longer to end. Probes that are slow do not make
# a pod unready.
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
          env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
          command: [sh, -c, 'trap "case \$NODE in *2) sleep 1 ;; *3) sleep 2 ;; esac; exit 0" TERM; while :; do sleep 1; done']
          readinessProbe: {exec: {command: ["true"]}, initialDelaySeconds: 4, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 30}
YAML
kubectl rollout status daemonset/agent --timeout=300s

# Each change of each pod: its name, its node, whether its deletion was asked for, whether it is Ready.
fields='{.metadata.name}|{.spec.nodeName}|{.metadata.deletionTimestamp}|{.status.conditions[?(@.type=="Ready")].status}{"\n"}'
kubectl get pods -l app=agent --watch -o jsonpath="$fields" >"$work/changes" &

# most_down: the most nodes that were without an available pod when an available one was deleted.
most_down() {
    awk -F'|' -v nodes=3 '
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
    seen "in update $round an available pod was deleted, after which $most of 3 nodes had none"
fi
not_seen "never more than $most in $round updates"
