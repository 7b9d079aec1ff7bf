"""What a refusal is: the cluster's answer, and so an assertion, or no answer at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.clusters.protocol import Facts
from conformance.errors import ApiError, ConformanceError, WaitExpired
from conformance.handles.cluster import ScenarioCluster
from conformance.handles.evidence import Evidence, accepted, checking, collecting
from conformance.kube.kubectl import KubectlError
from conformance.process import Result


def _kubectl(code: int, err: str) -> KubectlError:
    return KubectlError(Result(("drain", "node-1"), code, "", err))


ANSWERS = [
    ApiError(422, "Invalid", "spec.selector: Required value"),
    _kubectl(1, "Error from server (Forbidden): daemonsets.apps is forbidden"),
    _kubectl(1, 'Error from server (NotFound): pods "agent-x" not found'),
    _kubectl(1, "error: cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): ns/agent-x"),
    _kubectl(2, "ls: /of-this-container: No such file or directory\ncommand terminated with exit code 2"),
]
NO_ANSWERS = [
    ApiError(500, "InternalError", "etcd is away"),
    _kubectl(1, "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?"),
    _kubectl(1, "Unable to connect to the server: net/http: TLS handshake timeout"),
    _kubectl(1, "Error from server (InternalError): an error on the server has prevented the request from succeeding"),
    _kubectl(-9, ""),
    ConformanceError("`kubectl drain node-1` did not end within 120 s"),
]


@pytest.mark.parametrize("refusal", ANSWERS, ids=str)
def test_a_refusal_is_evidence(refusal: Exception) -> None:
    evidence = Evidence(["D1-01"])
    with pytest.raises(AssertionError) as raised, collecting(evidence), checking("D1-01"), accepted():
        raise refusal
    assert raised.value.__cause__ is refusal
    assert [check.held for check in evidence.checks] == [False]


@pytest.mark.parametrize("error", NO_ANSWERS, ids=str)
def test_no_answer_is_no_evidence(error: Exception) -> None:
    evidence = Evidence(["D1-01"])
    with pytest.raises(type(error)) as raised, collecting(evidence), checking("D1-01"), accepted():
        raise error
    assert raised.value is error
    assert evidence.checks == []


@pytest.mark.parametrize(
    ("err", "raised"),
    [
        ("error: timed out waiting for the condition on poddisruptionbudgets/guard", WaitExpired),
        ('Error from server (NotFound): poddisruptionbudgets.policy "guard" not found', KubectlError),
        ("Unable to connect to the server: EOF", KubectlError),
    ],
    ids=["expired", "not there", "no server"],
)
def test_a_wait_of_kubectl_expires(monkeypatch: pytest.MonkeyPatch, err: str, raised: type[Exception]) -> None:
    cluster = ScenarioCluster.__new__(ScenarioCluster)
    cluster.facts = Facts("one", "embedded", "v1.37.1", Path("kubeconfig"), frozenset(), 5)

    def fails(*_: str) -> Result:
        raise _kubectl(1, err)

    monkeypatch.setattr(cluster, "kubectl", fails)
    with pytest.raises(raised):
        cluster.kubectl_wait("poddisruptionbudget/guard", until="jsonpath={.status.disruptionsAllowed}=0")
