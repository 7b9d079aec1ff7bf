"""`--component NAME=PATH`: whatever is wrong with it is said before a cluster is started, with the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.components import overrides
from conformance.components.overrides import describe, parse_override
from conformance.errors import UsageError


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as raised:
        parse_override(text)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_program_that_tells_its_version_is_taken(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine", '#!/bin/sh\n[ "$*" = --version ] && echo Kubernetes v1.37.1-mine\n')
    assert parse_override(f"kube-apiserver={mine}") == ("kube-apiserver", mine)
    assert describe(mine, "kube-apiserver") == "Kubernetes v1.37.1-mine"


def test_kubectl_is_asked_in_its_own_way(tmp_path: Path) -> None:
    mine = program(tmp_path / "kubectl", '#!/bin/sh\n[ "$*" = "version --client" ] && echo Client Version: v1\n')
    assert parse_override(f"kubectl={mine}")[1] == mine
    assert describe(mine) == "Client Version: v1"


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "etcd", "#!/bin/sh\necho etcd Version: 3.6.14\n")
    monkeypatch.chdir(tmp_path)
    assert parse_override("etcd=./etcd") == ("etcd", tmp_path / "etcd")


def test_another_program_is_refused(tmp_path: Path) -> None:
    mine = program(tmp_path / "kube-scheduler", "#!/bin/sh\necho true 9.1\n")
    with pytest.raises(UsageError, match=r"answers 'true 9.1' .* so it is not kube-scheduler"):
        parse_override(f"kube-scheduler={mine}")


def test_a_rebuilt_program_is_asked_again(tmp_path: Path) -> None:
    mine = program(tmp_path / "etcd", "#!/bin/sh\necho one\n")
    assert describe(mine) == "one"
    program(mine, "#!/bin/sh\necho another\n")
    assert describe(mine) == "another"


@pytest.mark.parametrize("text", ["kube-apiserver", "=path", "kube-apiserver=", ""])
def test_the_form_is_explained(text: str) -> None:
    assert "NAME=PATH" in refusal(text)


def test_an_unknown_name_is_told_which_there_are() -> None:
    message = refusal("kube-api-server=/bin/true")
    assert "'kube-api-server'" in message
    assert "kube-apiserver, kube-controller-manager" in message


def test_a_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(f"etcd={tmp_path / 'etcd'}")


def test_a_folder_says_which_file_in_it(tmp_path: Path) -> None:
    assert "is a folder" in refusal(f"etcd={tmp_path}")
    program(tmp_path / "etcd", "")
    assert f"say etcd={tmp_path / 'etcd'}" in refusal(f"etcd={tmp_path}")


def test_a_file_that_is_not_executable(tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("")
    assert f"chmod +x {tmp_path / 'etcd'}" in refusal(f"etcd={tmp_path / 'etcd'}")


def test_a_program_for_another_machine(tmp_path: Path) -> None:
    other = tmp_path / "etcd"
    # A complete ELF header, of a machine (Alpha) that nobody runs this on.
    other.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x26\x90\x01\x00\x00\x00" + bytes(200))
    other.chmod(0o755)
    assert "not a program for this machine" in refusal(f"etcd={other}")


def test_a_program_whose_interpreter_is_not_here(tmp_path: Path) -> None:
    other = program(tmp_path / "etcd", f"#!{tmp_path}/nowhere\n")
    assert "CGO_ENABLED=0" in refusal(f"etcd={other}")


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    other = program(tmp_path / "etcd", "#!/bin/sh\necho unknown flag: --version >&2\nexit 2\n")
    message = refusal(f"etcd={other}")
    assert "exit code 2" in message
    assert "unknown flag: --version" in message


def test_a_program_that_says_nothing(tmp_path: Path) -> None:
    assert "printed nothing" in refusal(f"etcd={program(tmp_path / 'etcd', '#!/bin/sh' + chr(10))}")


def test_a_program_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overrides, "PATIENCE", 0.05)
    assert "gave no answer" in refusal(f"etcd={program(tmp_path / 'etcd', '#!/bin/sh' + chr(10) + 'exec sleep 60')}")
