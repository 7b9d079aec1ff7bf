"""The input: what is read of it, where things stand in it, and one paragraph with a fix for each that is unfit."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.check import reading
from conformance.check.checking import check
from conformance.check.gathering import gathered
from conformance.check.input import Input
from conformance.check.nodes import default
from conformance.check.outputs import as_json, as_sarif
from conformance.check.told import told
from conformance.cli import main
from conformance.errors import UsageError
from conformance.kube.manifests import merge
from tests.check.cases import SOUND, changed, named, pod

SCHEMA = json.loads((Path(reading.__file__).with_name("check.schema.json")).read_text())
TEXT = (Path(__file__).with_name("sound.yaml")).read_text()
TEMPLATE = """\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ .Release.Name }}
{{- if .Values.labels }}
  labels: {}
{{- end }}
"""


def read(text: str | bytes, tmp_path: Path, name: str = "input.yaml") -> Input:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return gathered([str(file)])


def refusal(text: str | bytes, tmp_path: Path) -> str:
    with pytest.raises(UsageError) as refused:
        read(text, tmp_path)
    said = str(refused.value)
    assert "\n" not in said
    return said


# -- bad input --------------------------------------------------------------------------------------------------------------------------

#: Nine times nine of nine …: a few hundred bytes that stand for a billion values.
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: [b", ["not valid YAML", "line 2"], id="not YAML"),
        pytest.param("a: b\n\tc: d\n", ["not valid YAML", "line 2"], id="a tab"),
        pytest.param(b"%PDF-1.4\n\xff\xfe\x00", ["no text in UTF-8"], id="not text"),
        pytest.param(b"a: \x01\n", ["not valid YAML"], id="a control character"),
        pytest.param("just words\n", ["line 1", "no object of Kubernetes"], id="YAML of something else: text"),
        pytest.param("- a\n- b\n", ["line 1", "no object of Kubernetes"], id="YAML of something else: a list"),
        pytest.param("image: x\nreplicas: 1\n", ["without apiVersion and kind"], id="YAML of something else: values"),
        pytest.param("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", ["no DaemonSet", "ConfigMap"], id="no DaemonSet in it"),
        pytest.param("", ["no object at all"], id="nothing"),
        pytest.param("---\n---\n# only words\n", ["no object at all"], id="empty documents"),
        pytest.param(TEMPLATE, ["not rendered", "helm template"], id="a template"),
        pytest.param(
            TEXT.replace("name: agent\n  namespace", "name: {{ .Release.Name }}\n  namespace"), ["not rendered"], id="braces as a key"
        ),
        pytest.param(TEXT.replace("agent:1.0.0", "agent:__VERSION__"), ["line 33", "image", "placeholder"], id="sed was not run"),
        pytest.param(
            TEXT.replace("namespace: agents", 'namespace: "FILLED BY THE OPERATOR"'), ["placeholder"], id="an operator was not there"
        ),
        pytest.param(TEXT.replace("app: agent", 'app: "{{ .Values.app }}"'), ["placeholder"], id="a template in quotes"),
        pytest.param(f"{TEXT}---\n{TEXT}", ["there twice", "line 2", "line 40"], id="duplicate names"),
        pytest.param(TEXT.replace("  name: agent\n  names", "  names"), ["no metadata.name"], id="no name"),
        pytest.param(
            TEXT.replace("  namespace: agents", "  namespace: agents\n  namespace: other"),
            ["namespace", "line 6", "line 7"],
            id="a key twice",
        ),
        pytest.param("# " + "x" * (10 << 20), ["more than 8 MiB"], id="10 MB"),
        pytest.param(f"{LAUGHS}apiVersion: v1\nkind: A\n", ["aliases blow up"], id="exploding aliases"),
        pytest.param(f"{MERGED}apiVersion: v1\nkind: A\n", ["aliases blow up"], id="exploding merges"),
        pytest.param("apiVersion: v1\nkind: A\nx: &x [*x]\n", ["holds itself"], id="an alias of itself"),
        pytest.param("[" * 100_000, ["not valid YAML", "nesting"], id="a hundred thousand brackets"),
        pytest.param(
            TEXT.replace("maxUnavailable: 1", "maxUnavailable: [1]"), ["line 14", "maxUnavailable", "type that the API"], id="a type"
        ),
        pytest.param(
            TEXT.replace("kubernetes.io/os: linux", "gpu: true"), ["nodeSelector", "type that the API"], id="an unquoted truth value"
        ),
        pytest.param(TEXT.replace("image: registry.example/agent:1.0.0", "image: 1.0"), ["line 33", "image", "Quote"], id="a number"),
        pytest.param(
            TEXT.replace("      labels:\n        app: agent", "      labels: [app]"), ["labels", "type that the API"], id="a list of labels"
        ),
        pytest.param(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: [1]\n", ["spec", "type that the API"], id="a list as spec"
        ),
        pytest.param("apiVersion: apps/v1\nkind: DaemonSet\nmetadata: a\n", ["metadata"], id="text as metadata"),
        pytest.param(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: 1}\n", ["template"], id="a number as template"
        ),
        pytest.param("apiVersion: v1\nkind: A\nmetadata: {labels: {<<: 1}}\n", ["merges", "line 3"], id="a merge of nothing"),
        pytest.param(
            "apiVersion: v1\nkind: A\nmetadata: {? [a] : 1, ? {a: b} : 2}\n", ["no DaemonSet"], id="keys of an object that is left alone"
        ),
        pytest.param(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {? [a] : 1}\n", ["list as a key"], id="a list as a key"
        ),
    ],
)
def test_what_is_unfit_gets_one_paragraph(text: str | bytes, words: list[str], tmp_path: Path) -> None:
    said = refusal(text, tmp_path)

    assert [word for word in words if word not in said] == []
    assert str(tmp_path / "input.yaml") in said or "The input" in said or "DaemonSet" in said


def test_the_exit_code_is_that_of_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("a: [b")

    for wrong in (
        ["check", str(tmp_path / "a.yaml")],
        ["check", str(tmp_path / "none.yaml")],
        ["check", str(tmp_path), "--ignore", "typo"],
    ):
        assert main(wrong) == 4
        assert capsys.readouterr().err.count("\n") == 1


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="no regular file"):
        gathered([str(tmp_path / "pipe")])


@pytest.mark.parametrize(
    ("name", "words"), [("Chart.yaml", "helm template"), ("kustomization.yaml", "kustomize build"), ("notes.txt", "no manifest in it")]
)
def test_folders_that_are_to_be_rendered_are_not_read(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x: y\n")

    with pytest.raises(UsageError, match=words):
        gathered([str(tmp_path)])


# -- what is read -----------------------------------------------------------------------------------------------------------------------


def test_files_folders_and_standard_input_are_one_input(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.json").write_text(json.dumps(changed({"metadata": {"name": "b"}})))
    (folder / "a.yml").write_text(yaml.safe_dump(changed({"metadata": {"name": "a"}})))
    (folder / "ignored.txt").write_text("no: yaml")
    (tmp_path / "c.yaml").write_text("\ufeff" + yaml.safe_dump(changed({"metadata": {"name": "c"}})))
    piped = io.BytesIO(b"---\n---\n" + yaml.safe_dump(changed({"metadata": {"name": "d"}})).encode())

    found = gathered([str(folder), str(tmp_path / "c.yaml"), "-"], piped)

    assert [(each.thing.name, Path(each.thing.source).name) for each in found.daemonsets] == [
        ("a", "a.yml"),
        ("b", "b.json"),
        ("c", "c.yaml"),
        ("d", "standard input"),
    ]
    assert found.daemonsets[3].thing.line == 3


@pytest.mark.parametrize("kind", ["List", "DaemonSetList"])
def test_lists_are_opened(kind: str, tmp_path: Path) -> None:
    """The items of a typed list do not say what they are when they come from the API."""
    items: list[dict[str, Any]] = [changed({"metadata": {"name": name}}) for name in ("a", "b")]
    if kind != "List":
        items = [{key: value for key, value in item.items() if key not in ("apiVersion", "kind")} for item in items]
    found = read(yaml.safe_dump({"apiVersion": "v1" if kind == "List" else "apps/v1", "kind": kind, "items": items}), tmp_path)

    assert [each.thing.name for each in found.daemonsets] == ["a", "b"]
    assert {each.rule.id for each in check(found, default()).checked[1].advice} == {"selector-overlap"}


def test_anchors_and_merge_keys_are_read_as_kubectl_reads_them(tmp_path: Path) -> None:
    text = TEXT.replace("matchLabels:\n      app: agent", "matchLabels: &labels\n      app: agent").replace(
        "labels:\n        app: agent", "labels:\n        <<: *labels\n        app.kubernetes.io/part-of: all"
    )
    found = read(text, tmp_path)

    assert found.daemonsets[0].record.spec.template.metadata.labels == {"app": "agent", "app.kubernetes.io/part-of": "all"}


def test_dates_numbers_and_nulls_are_what_json_makes_of_them(tmp_path: Path) -> None:
    text = TEXT.replace("labels:\n        app: agent", "labels:\n        app: agent\n        day: 2026-01-02\n      annotations:")
    found = read(text.replace("  namespace: agents", "  namespace: agents\n  labels: {1: one}"), tmp_path)

    assert found.daemonsets[0].record.spec.template.metadata.labels["day"] == "2026-01-02"
    assert found.daemonsets[0].record.metadata.labels == {"1": "one"}


def test_braces_of_a_program_are_no_template(tmp_path: Path) -> None:
    agent = {"args": ["--format={{ .Name }}", "${HOME}"], "env": [{"name": "A", "value": "{{x}}"}]}
    text = yaml.safe_dump(changed(pod(containers=[agent])))

    assert check(read(text, tmp_path), default()).checked[0].advice == ()


def test_lines_lead_to_fields(tmp_path: Path) -> None:
    [manifest] = read(f"# first\n---\n{TEXT}", tmp_path).daemonsets

    def there(*path: str | int) -> str:
        return (tmp_path / "input.yaml").read_text().splitlines()[manifest.line(path) - 1].strip()

    assert there("spec", "updateStrategy", "rollingUpdate", "maxUnavailable") == "maxUnavailable: 1"
    assert there("spec", "template", "spec", "containers", 0) == "- name: agent"
    assert there("spec", "template", "spec", "tolerations", 0, "operator") == "- operator: Exists"
    assert there("spec", "minReadySeconds") == "spec:"
    assert there("spec", "template", "spec", "containers", 7, "image") == "containers:"
    assert reading.spelled(("spec", "containers", 0, "image")) == "spec.containers[0].image"


# -- what belongs to it, and what is left alone --------------------------------------------------------------------------------------------


def _full() -> dict[str, Any]:
    return changed(
        pod(
            serviceAccountName="agent",
            priorityClassName="agents-first",
            runtimeClassName="kata",
            volumes=[
                {"name": "a", "configMap": {"name": "settings"}},
                {"name": "b", "secret": {"secretName": "token"}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "d", "configMap": {"name": "kube-root-ca.crt"}},
                {"name": "e", "secret": {"secretName": "maybe", "optional": True}},
                {"name": "f", "projected": {"sources": [{"secret": {"name": "half"}}]}},
            ],
            containers=[
                {
                    "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
                    "envFrom": [{"configMapRef": {"name": "settings"}}],
                }
            ],
        )
    )


def test_what_pods_refer_to_and_the_input_lacks_is_named(tmp_path: Path) -> None:
    found = read(yaml.safe_dump(_full()), tmp_path)

    assert [(each.kind, each.name, each.blocks) for each in found.lacking(found.daemonsets[0])] == [
        ("ServiceAccount", "agent", "creation"),
        ("PriorityClass", "agents-first", "creation"),
        ("RuntimeClass", "kata", "creation"),
        ("ConfigMap", "settings", "start"),
        ("Secret", "token", "start"),
        ("PersistentVolumeClaim", "data", "scheduling"),
        ("Secret", "half", "start"),
        ("Secret", "key", "start"),
    ]


def test_what_the_input_has_is_not_lacking(tmp_path: Path) -> None:
    there = [
        _full(),
        named("ServiceAccount", "agent"),
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "agents-first"}, "value": 1000},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}},
        named("Secret", "token"),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "elsewhere"}},
    ]
    found = read(yaml.safe_dump_all(there), tmp_path)

    assert [each.name for each in found.lacking(found.daemonsets[0])] == ["kata", "data", "half", "key"]


def test_webhooks_services_of_the_api_definitions_and_hooks_are_named_and_left_alone(tmp_path: Path) -> None:
    hook = {"metadata": {"name": "install", "annotations": {"helm.sh/hook": "pre-install"}}}
    cleaning = changed({"metadata": {"name": "cleanup", "annotations": {"helm.sh/hook": "post-delete"}}, "spec": {"replicas": 1}})
    text = yaml.safe_dump_all(
        [
            SOUND,
            {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.example"}},
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "hook"}},
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "crd"}},
            {"apiVersion": "batch/v1", "kind": "Job", **hook},
            cleaning,
        ]
    )
    result = check(read(text, tmp_path), default())

    assert [thing.name for thing in result.input.left_alone] == ["v1.example", "hook", "crd", "install", "cleanup"]
    assert [checked.manifest.thing.name for checked in result.checked] == ["agent"]
    assert "Left alone" in told(result)


def test_secrets_are_neither_shown_nor_kept(tmp_path: Path) -> None:
    secret = "c2VjcmV0LWluLWlucHV0"
    objects = [
        changed(pod(containers=[{"env": [{"name": "TOKEN", "value": secret}], "args": [secret], "image": "agent"}])),
        named("Secret", "token", data={"key": secret}, stringData={"other": secret}),
        named("ConfigMap", "settings", data={"key": secret}),
    ]
    found = read(yaml.safe_dump_all(objects), tmp_path)
    result = check(found, default())

    assert secret not in told(result) + as_json(result) + as_sarif(result)
    assert secret not in repr((found.things, found.workloads, found.budgets, found.left_alone))


@pytest.mark.parametrize("text", ["kind: Secret\ndata:\n  key: c2VjcmV0: x\n", "c2VjcmV0: [\n", 'a: "c2VjcmV0\n', "c2VjcmV0"])
def test_what_cannot_be_read_is_not_quoted(text: str, tmp_path: Path) -> None:
    assert "c2VjcmV0" not in refusal(text, tmp_path)


# -- whatever stands where ----------------------------------------------------------------------------------------------------------------


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, item in below for each in _paths(item, (*path, key)))]


FULL = merge(
    _full(),
    {
        "spec": {
            "minReadySeconds": 3,
            "revisionHistoryLimit": 3,
            "updateStrategy": {"rollingUpdate": {"maxSurge": 0}},
            "template": {"spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 5}},
        }
    },
)
FULL["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"] = {
    "requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchLabels": {"app": "agent"}}, "topologyKey": "zone"}]
}
FULL["spec"]["template"]["spec"]["containers"][0] |= {
    "ports": [{"containerPort": 1, "hostPort": 2}],
    "lifecycle": {"preStop": {"sleep": {"seconds": 9}}},
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.just(1.5),
    st.sampled_from(["", "x", "10%", "-5%", "1", "Exists", "NotIn", "Gt", "OnDelete"]),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just([{}]),
    st.just({"a": None}),
    st.just({"x": "y"}),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(_paths(FULL)[1:]), odd=ODD)
def test_whatever_stands_where_is_checked_or_refused(path: tuple[Any, ...], odd: Any, tmp_path: Path) -> None:
    whole = json.loads(json.dumps(FULL))
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd

    refused = ""
    try:
        result = check(read(json.dumps(whole), tmp_path), default())
        assert told(result)
        jsonschema.validate(json.loads(as_json(result)), SCHEMA)
    except UsageError as error:
        refused = str(error)
    assert "\n" not in refused
