expected='the old pod is deleted as soon as the new one has been Ready for minReadySeconds (10)'

cluster <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}]
YAML
come 180 node --all --for=condition=Ready
# Each pod is Ready three seconds after it started, so that the new one is Ready some seconds after the old one.
kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  minReadySeconds: 10
  updateStrategy: {rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: agent
          image: "${IMAGE:-busybox:1}"
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "while :; do sleep 1; done"]
          readinessProbe: {exec: {command: ["true"]}, initialDelaySeconds: 3, periodSeconds: 1}
YAML
come 180 daemonset/agent --for=jsonpath='{.status.numberReady}'=1
old=$(kubectl get pods -l app=agent -o name)
say 'the first pod has just become Ready: the template is changed'
kubectl patch daemonset agent --type=merge -p '{"spec": {"template": {"metadata": {"annotations": {"round": "two"}}}}}'
come 60 daemonset/agent --for=jsonpath='{.status.observedGeneration}'=2
come 60 pod -l app=agent --for=condition=Ready
[[ $(kubectl get pods -l app=agent -o name | wc -l) == 2 ]] || cannot 'there are not two pods on the node'
say 'both pods are Ready'
if ! never 40 "$old" --for=delete; then
    not_seen 'the old pod was deleted'
fi
say 'kubectl annotate daemonset/agent touched=yes'
kubectl annotate daemonset/agent touched=yes
come 30 "$old" --for=delete
seen 'both pods stood there for 40 s, and the old one went only when something else touched the DaemonSet'
