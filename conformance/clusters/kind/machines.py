"""Machines: containers that are nodes, or wait to become one.

A machine that waits is parked: its kubelet is stopped, nothing runs on it, and there is no Node object. Joining is the kubelet's start.
"""

from __future__ import annotations

import itertools
import json
import shlex
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.clusters.kind import boot, configuration, staticpods
from conformance.clusters.kind.owners import CLUSTER_LABEL
from conformance.clusters.protocol import Shortage
from conformance.components.engine.docker import Docker
from conformance.errors import ClusterError

_KUBELET_ALWAYS = "--runtime-cgroups=/system.slice/containerd.service"
#: A kubelet that knows an API server but has no Node there ends no static pod whose manifest is taken away: it waits for its Node, to hear
#: of all its pods (seen on 1.37.1). Without one there is nobody to ask who may do what; a certificate of the cluster's is asked for still.
_ALONE = ("--kubeconfig=", "--bootstrap-kubeconfig=", "--authentication-token-webhook=false", "--authorization-mode=AlwaysAllow")
_NO_CONTAINERS = "for task in $(ctr -n k8s.io tasks ls -q); do ctr -n k8s.io tasks kill -s KILL $task || true; done 2>/dev/null"
#: What a kubelet remembers of the pods that it had, and those that it would start by itself.
_FORGET = f"rm -f /var/lib/kubelet/*_state {staticpods.FOLDER}/*"
#: What is killed is not torn down: the next pod with the same host port would be hidden behind the rule of a dead one.
_NO_HOST_PORTS = "iptables -w -t nat -F CNI-HOSTPORT-DNAT 2>/dev/null || true"
#: What a kubelet calls what it may run short of.
_SIGNAL: dict[Shortage, str] = {"memory": "memory.available", "disk": "nodefs.available", "pid": "pid.available"}
#: A chain of our own, so that letting everything through again is one command.
_CHAIN = "CONFORMANCE"
_CONNECTED = f"for tables in iptables ip6tables; do $tables -w -F {_CHAIN} 2>/dev/null || true; done"


@dataclass(frozen=True)
class Machine:
    """One container; `index` is its own among those of its cluster, for its subnet."""

    docker: Docker
    name: str
    index: int

    def sh(self, script: str, *, check: bool = True, stdin: str | None = None, timeout: float = 120.0) -> str:
        """Run a script in it."""
        return self.docker.shell(self.name, script, check=check, stdin=stdin, timeout=timeout)

    def connect(self) -> None:
        """Give its pods a network; without one its kubelet reports that it is not Ready."""
        self.sh(
            f"mkdir -p /etc/cni/net.d; cat > {configuration.CNI_FILE}.new; mv {configuration.CNI_FILE}.new {configuration.CNI_FILE}",
            stdin=configuration.cni(self.index),
        )

    def disconnect(self) -> None:
        """Take the network away from pods that are still to be made."""
        self.sh(f"rm -f {configuration.CNI_FILE}")

    def start_kubelet(self, arguments: Sequence[str] = (), *, network: bool = True) -> None:
        """Start the kubelet with these arguments more than its usual ones."""
        line = shlex.join(["KUBELET_EXTRA_ARGS=" + " ".join([_KUBELET_ALWAYS, *arguments])])
        network_too = f"cat > {configuration.CNI_FILE}" if network else f"rm -f {configuration.CNI_FILE}"
        self.sh(
            f"{network_too}; echo {line} > /etc/default/kubelet; systemctl restart kubelet",
            stdin=configuration.cni(self.index) if network else "",
        )

    def resume_kubelet(self) -> None:
        """Start the kubelet as it was started last."""
        self.sh("systemctl start kubelet")

    def stop_kubelet(self) -> None:
        """Stop the kubelet; what runs goes on running."""
        self.sh("systemctl stop kubelet")

    def restart_kubelet(self) -> None:
        """End the kubelet and start it again; what runs goes on running."""
        self.sh("systemctl restart kubelet")

    def run_short(self, of: Shortage) -> None:
        """Let its kubelet find too little of this, until it recovers or is started anew."""
        # A hard threshold would be taken off what the node has for pods. The condition would outlive its cause by five minutes.
        signal = _SIGNAL[of]
        more = f"--eviction-soft={signal}<1000T --eviction-soft-grace-period={signal}=0s --eviction-pressure-transition-period=1s"
        self.sh(f"sed -i 's/$/ {more}/' /etc/default/kubelet; systemctl restart kubelet")

    def recover(self) -> None:
        """Let its kubelet find enough of everything."""
        self.sh("sed -i 's/ --eviction-soft=.*//' /etc/default/kubelet; systemctl restart kubelet")

    def reboot(self) -> None:
        """Shut it down and start it again, with everything that ran on it."""
        boot.reboot(self.docker, self.name)

    def power_off(self) -> None:
        """End everything on it at once, as a machine that loses its power does."""
        self.docker.run("kill", self.name)

    def power_on(self) -> None:
        """Start it again."""
        boot.start(self.docker, self.name)

    def cut_off(self, address: str) -> None:
        """Let it find nobody at the API server's port of an address, also on connections that it has.

        kind's network has addresses of both families, and the control plane's name may lead to either: of the sixth version the port is
        refused whatever the address, for no other machine here has an API server.
        """
        # Reset rather than dropped: a kubelet takes 45 s to give up a connection that is silent.
        refused = "-p tcp --dport 6443 -j REJECT --reject-with tcp-reset"
        self.sh(
            f"for tables in iptables ip6tables; do $tables -w -N {_CHAIN} 2>/dev/null || true; "
            f"$tables -w -C OUTPUT -j {_CHAIN} 2>/dev/null || $tables -w -I OUTPUT -j {_CHAIN}; done; "
            f"ip6tables -w -A {_CHAIN} {refused}; iptables -w -A {_CHAIN} -d {address} {refused}"
        )

    def connect_again(self) -> None:
        """Let everything through."""
        self.sh(_CONNECTED)

    def run_static_pod(self, namespace: str, name: str) -> None:
        """Let its kubelet run a pod from a file; returns when it runs."""
        script, stdin = staticpods.run(namespace, name, within=round(staticpods.LIMIT * self.docker.time_scale))
        self.sh(script, stdin=stdin)

    def remove_static_pod(self, name: str) -> None:
        """Take that file away."""
        self.sh(staticpods.remove(name))

    def park(self) -> None:
        """Stop the kubelet and everything that it runs."""
        self.sh(f"systemctl stop kubelet; {_NO_CONTAINERS}; {_NO_HOST_PORTS}; {_FORGET}; {_CONNECTED}")

    def remove(self) -> None:
        """End it, with its volume."""
        self.docker.run("rm", "--force", "--volumes", self.name, check=False)


class ControlPlane(Machine):
    """The container of the control plane, whose kubelet runs it from manifests. Parked it goes on doing that, without a Node object."""

    def park(self) -> None:
        """Let its kubelet run the static pods and nothing else, and know no API server."""
        self.start_kubelet(_ALONE)

    def mark(self) -> None:
        """Give its Node what kubeadm gives to those of the control plane: its taint and its labels."""
        self.sh("kubeadm init phase mark-control-plane --config /kind/kubeadm.conf 2>&1")


class Yard:
    """The machines of a cluster."""

    def __init__(self, docker: Docker, cluster: str, control_plane: ControlPlane, workers: Sequence[str]) -> None:
        self._docker = docker
        self._cluster = cluster
        self.control_plane = control_plane
        self._numbers = itertools.count(1)
        self._parked = [Machine(docker, name, next(self._numbers)) for name in workers]
        self._out: dict[str, Machine] = {}
        self._lock = threading.Lock()

    @property
    def machines(self) -> list[Machine]:
        """All of them but the control plane's."""
        with self._lock:
            return [*self._parked, *(machine for machine in self._out.values() if machine is not self.control_plane)]

    def take(self, count: int, name: str = "", *, control_plane: bool = False) -> tuple[list[Machine], int]:
        """As many parked machines as there are, up to `count` (the one called `name`, if one is named), and how many are missing.

        The control plane's own comes first if it is asked for, and only then.
        """
        with self._lock:
            own = [self.control_plane] if control_plane and self.control_plane.name not in self._out else []
            wanted = [machine for machine in [*own, *self._parked] if not name or machine.name == name][:count]
            self._parked = [machine for machine in self._parked if machine not in wanted]
            self._out.update({machine.name: machine for machine in wanted})
        return wanted, count - len(wanted)

    def give_back(self, machines: Sequence[Machine]) -> None:
        """Park machines."""
        each(lambda machine: machine.park(), machines)
        with self._lock:
            for machine in machines:
                if self._out.pop(machine.name, None) and machine is not self.control_plane:
                    self._parked.append(machine)

    def is_out(self, machine: Machine) -> bool:
        """Whether it is a node at present."""
        with self._lock:
            return machine.name in self._out

    def build(self, name: str, arguments: Sequence[str], *, network: bool) -> Machine:
        """Make one more, as kind made the others, and let kubeadm join it; kind has no command for that.

        `arguments` are for its kubelet.
        """
        model = next(iter(self.machines), None)
        if model is None:
            raise ClusterError("A cluster without any worker has nothing that a further one could be made like; start it with one.")
        with self._lock:
            index = next(self._numbers)
        machine = Machine(self._docker, name, index)
        like = self._docker.inspect(model.name)
        assert like is not None
        self._docker.run("run", *run_flags(like, name))
        try:
            boot.booted(self._docker, name)
            address = self.address(name)
            kubeadm = model.sh("cat /kind/kubeadm.conf").replace(f"/{model.name}", f"/{name}").replace(self.address(model.name), address)
            line = shlex.join(["KUBELET_EXTRA_ARGS=" + " ".join([_KUBELET_ALWAYS, *arguments])])
            machine.sh(f"echo {line} > /etc/default/kubelet; cat > /kind/kubeadm.conf", stdin=kubeadm)
            if network:
                machine.connect()
            machine.sh("kubeadm join --config /kind/kubeadm.conf --skip-phases=preflight 2>&1", timeout=300)
        except BaseException:
            machine.remove()
            raise
        with self._lock:
            self._out[name] = machine
        return machine

    def new_name(self) -> str:
        """The next name in kind's own order."""
        taken = {machine.name for machine in self.machines}
        names = (f"{self._cluster}-worker{number if number > 1 else ''}" for number in itertools.count(1))
        return next(name for name in names if name not in taken)

    def address(self, name: str) -> str:
        """The address of a container in the cluster's network."""
        container = self._docker.inspect(name)
        assert container is not None
        [network] = container["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])


def run_flags(like: Mapping[str, Any], name: str) -> list[str]:
    """The arguments of `docker run` that make another container like this one, which docker inspect describes."""
    host, config = like["HostConfig"], like["Config"]
    flags = ["--detach", "--tty", "--name", name, "--hostname", name, "--init=false"]
    flags += ["--privileged"] if host.get("Privileged") else []
    flags += [f"--security-opt={option}" for option in host.get("SecurityOpt") or () if not option.startswith("label=")]
    flags += [f"--tmpfs={path}{':' + options if options else ''}" for path, options in (host.get("Tmpfs") or {}).items()]
    flags += [f"--volume={bind}" for bind in host.get("Binds") or ()]
    flags += [f"--volume={path}" for path in config.get("Volumes") or {} if path not in (host.get("Binds") or ())]
    flags += [f"--env={variable}" for variable in config.get("Env") or ()]
    labels = {key: value for key, value in (config.get("Labels") or {}).items() if key.startswith(CLUSTER_LABEL.rpartition(".")[0])}
    flags += [f"--label={key}={value}" for key, value in labels.items()]
    restart = host.get("RestartPolicy") or {}
    if restart.get("Name"):
        flags.append(f"--restart={restart['Name']}" + (f":{restart['MaximumRetryCount']}" if restart.get("MaximumRetryCount") else ""))
    flags += [f"--cgroupns={host['CgroupnsMode']}"] if host.get("CgroupnsMode") else []
    flags += [f"--net={next(iter(like['NetworkSettings']['Networks']))}"]
    return [*flags, config["Image"]]


def each(act: Any, machines: Sequence[Any]) -> list[Any]:
    """Do the same to several at once."""
    if len(machines) <= 1:
        return [act(machine) for machine in machines]
    with ThreadPoolExecutor(min(8, len(machines)), thread_name_prefix="machines") as pool:
        return list(pool.map(act, machines))


def node_names(docker: Docker, cluster: str) -> dict[str, list[str]]:
    """The containers of a cluster by their role."""
    roles: dict[str, list[str]] = {}
    for name in docker.names("container", f"label={CLUSTER_LABEL}={cluster}"):
        container = docker.inspect(name)
        if container:
            roles.setdefault(container["Config"]["Labels"].get("io.x-k8s.kind.role", ""), []).append(name)
    return {role: sorted(names, key=lambda name: (len(name), name)) for role, names in roles.items()}


def describe(machine: Machine) -> str:
    """Its state as docker sees it, for a message."""
    found = machine.docker.inspect(machine.name)
    return json.dumps(found["State"]) if found else "there is no such container"
