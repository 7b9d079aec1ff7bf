"""What a simulated kubelet writes into the status of its node and its pods: Go templates, as kwok fills them in."""

from __future__ import annotations

from conformance.faults import kubelet

_NODE_CONDITIONS = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  %s
{{ end }}
"""
NODE_READY = _NODE_CONDITIONS % ("status: {{ .status | Quote }}\n  reason: {{ .reason | Quote }}\n  message: {{ .message | Quote }}")
NODE_NOT_READY = """
{{ $now := Now }}
conditions:
- type: Ready
  status: "False"
  reason: KubeletNotReady
  message: made not ready by the scenario
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
"""

NODE_HEARTBEAT = """
conditions:
- type: Ready
  lastHeartbeatTime: {{ Now | Quote }}
"""

#: Of every pod that a kubelet has taken on; the template before it sets $now.
_POD_PLACE = """
startTime: {{ or .status.startTime $now | Quote }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ with PodIPsWith .spec.nodeName (or .spec.hostNetwork false) (or .metadata.uid "") (or .metadata.name "") (or .metadata.namespace "") }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ if .spec.initContainers }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: {{ printf "simulated://%s" .image | Quote }}
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  ready: true
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  ready: true
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
  {{ end }}
{{ end }}
{{ end }}
"""
#: What every pod has that a kubelet has taken on; the words in capitals are filled in below.
_POD = """
{{ $now := Now }}
HEAD
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" }}
- type: {{ $type }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
{{ range $type := list "ContainersReady" "Ready" }}
- type: {{ $type }}
  READINESS
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  restartCount: 0
  CONTAINER
{{ end }}
"""
_PULLED = 'imageID: {{ printf "simulated://%s" .image | Quote }}'
_TAKEN = "{{ $annotations := or .metadata.annotations dict }}\n{{ $ready := READY }}\nphase: Running"
_WHETHER_READY = """status: {{ if $ready }}"True"{{ else }}"False"{{ end }}
  {{ if not $ready }}
  reason: ContainersNotReady
  {{ end }}"""
_RUNS = f"""{_PULLED}
  containerID: {{{{ printf "simulated://%s" uuidv4 | Quote }}}}
  started: true
  ready: {{{{ $ready }}}}
  state: {{running: {{startedAt: {{{{ $now | Quote }}}}}}}}"""
_WAITS = """imageID: ""
  started: false
  ready: false
  state: {waiting: {reason: ErrImagePull, message: {{ printf "no registry has %s" .image | Quote }}}}"""
_ENDED = f"""{_PULLED}
  started: false
  ready: false
  state: {{terminated: {{exitCode: 1, reason: Error, startedAt: {{{{ $now | Quote }}}}, finishedAt: {{{{ $now | Quote }}}}}}}}"""
_READY_AT_ONCE = f'not (or (hasKey $annotations "{kubelet.READY_AFTER}") (eq (or (index $annotations "{kubelet.NEVER_READY}") "") "true"))'


def _pod(head: str, readiness: str, container: str) -> str:
    # The head comes last: the reason in it is the scenario's, and may be any word.
    return _POD.replace("READINESS", readiness).replace("CONTAINER", container).replace("HEAD", head, 1) + _POD_PLACE


def pod_runs(ready: str = _READY_AT_ONCE) -> str:
    """Of a pod whose containers run; `ready` is the template expression that says whether it is Ready at once."""
    return _pod(_TAKEN.replace("READY", ready), _WHETHER_READY, _RUNS)


def pod_without_image() -> str:
    """Of a pod whose images cannot be pulled."""
    return _pod("", 'status: "False"\n  reason: ContainersNotReady', _WAITS)


def pod_failed(reason: str) -> str:
    """Of a pod that failed, for a reason in CamelCase."""
    head = f"phase: Failed\nreason: {reason}\nmessage: made to fail by its node ({reason})"
    return _pod(head, 'status: "False"\n  reason: PodFailed', _ENDED)


# Played after a delay, and kwok does not cancel it when the pod fails meanwhile: so it says for which phase it is meant.
POD_READY = """
{{ $now := Now }}
- op: test
  path: /status/phase
  value: Running
- op: replace
  path: /status/conditions
  value:
  {{ range .status.conditions }}
  {{ if or (eq .type "Ready") (eq .type "ContainersReady") }}
  - {type: {{ .type | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
  {{ else }}
  - {{ toJson . }}
  {{ end }}
  {{ end }}
- op: replace
  path: /status/containerStatuses
  value:
  {{ range .status.containerStatuses }}
  - {{ toJson (merge (dict "ready" true "started" true) .) }}
  {{ end }}
"""
