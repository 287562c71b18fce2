"""Network namespaces of this machine, joined by packets that this program carries with a delay, jitter, loss, a rate and cuts.

A kernel without netem has none of these. Here each namespace has a TUN device; a thread reads the packets of all of them, drops some, and writes
each into its destination's device when it is due. Needs root, /dev/net/tun and `ip`."""
import ctypes, fcntl, heapq, os, random, select, shutil, signal, struct, subprocess, tempfile, threading, time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 1, 0x1000, 0x40000000
AGENT = """#!/bin/sh
# In place of ssh: a command in the namespace of an address.
n={prefix}$((${{1##*.}} - 1)); shift
exec ip netns exec "$n" unshare --uts sh -c "hostname $n; $*"
"""


def missing():
    """Why this machine cannot do it, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun"
    for program in ("ip", "unshare", "mpirun"):
        if shutil.which(program) is None:
            return f"no {program}"
    probe = f"wagle-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], stderr=subprocess.DEVNULL).returncode != 0:
        return "cannot make a network namespace"
    subprocess.run(["ip", "netns", "delete", probe])
    return None


class Network:
    """`count` machines. delay, jitter: seconds; loss: share of packets; rate: bytes a second of each machine's link, 0 for no limit."""

    def __init__(self, count, delay=0.0, jitter=0.0, loss=0.0, rate=0.0, mtu=1500, seed=1):
        self.delay, self.jitter, self.loss, self.rate, self.mtu = delay, jitter, loss, rate, mtu
        self.random, self.cut, self.carried, self.dropped = random.Random(seed), set(), 0, 0
        self.prefix = f"wagle{os.getpid() % 10000}-"
        self.names = [f"{self.prefix}{i}" for i in range(count)]
        self.folder = tempfile.mkdtemp()
        self.agent = os.path.join(self.folder, "agent")
        with open(self.agent, "w") as f:
            f.write(AGENT.format(prefix=self.prefix))
        os.chmod(self.agent, 0o755)
        self.tun = [self._machine(i, name) for i, name in enumerate(self.names)]
        self.ends = False
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def address(self, i):
        return f"10.77.0.{i + 1}"

    def _machine(self, i, name):
        libc = ctypes.CDLL(None, use_errno=True)
        subprocess.run(["ip", "netns", "add", name], check=True)
        home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
        if libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home), os.close(there)
        for line in (f"addr add {self.address(i)}/24 dev tun0", f"link set tun0 mtu {self.mtu} txqueuelen 10000 up", "link set lo up"):
            subprocess.run(["ip", "-n", name, *line.split()], check=True)
        # how long the system sends again what is not acknowledged: some 25 seconds, not 15 minutes (docs/cluster.md)
        subprocess.run(["ip", "netns", "exec", name, "sh", "-c", "echo 6 >/proc/sys/net/ipv4/tcp_retries2"], check=True)
        return tun

    def _take(self, source, packet, now, queue, free, last):
        """A packet that a machine sends: dropped, or put into the queue."""
        if len(packet) < 20 or packet[0] >> 4 != 4 or packet[16:19] != bytes((10, 77, 0)):
            return
        to = packet[19] - 1
        if not 0 <= to < len(self.tun) or source in self.cut or to in self.cut or self.random.random() < self.loss:
            self.dropped += 1
            return
        due = max(now, free[source])
        if self.rate > 0:
            due += len(packet) / self.rate
            free[source] = due
        due += self.delay + self.jitter * (2 * self.random.random() - 1)
        last[source, to] = due = max(due, last.get((source, to), 0))  # packets of a link keep their order
        heapq.heappush(queue, (due, self.carried, to, packet))
        self.carried += 1

    def _carry(self):
        queue, free, last = [], [0.0] * len(self.tun), {}
        poll = select.poll()
        for tun in self.tun:
            poll.register(tun, select.POLLIN)
        while not self.ends:
            wait = (queue[0][0] - time.monotonic()) * 1000 if queue else 50
            ready = poll.poll(max(0, min(wait, 50)))
            now = time.monotonic()
            for fd, _ in ready:
                for _ in range(64):
                    try:
                        packet = os.read(fd, 65536)
                    except BlockingIOError:
                        break
                    self._take(self.tun.index(fd), packet, now, queue, free, last)
            while queue and queue[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(queue)
                try:
                    os.write(self.tun[to], packet)
                except OSError:
                    self.dropped += 1

    def start(self, command, **how):
        """A command in the first machine."""
        name = self.names[0]
        inside = ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh", *command]
        return subprocess.Popen(inside, **how)

    def mpirun(self, *more):
        """mpirun's options: one process a machine, over TCP, and lost machines are noticed as docs/cluster.md says."""
        hosts = ",".join(f"{self.address(i)}:1" for i in range(len(self.names)))
        options = {"plm_rsh_agent": self.agent, "plm_rsh_no_tree_spawn": 1, "btl": "tcp,self", "btl_tcp_if_include": "tun0", "oob_tcp_if_include": "tun0",
                   "oob_tcp_keepalive_time": 5, "oob_tcp_keepalive_intvl": 5, "oob_tcp_keepalive_probes": 3}
        return ["mpirun", "--allow-run-as-root", "--bind-to", "none", "--host", hosts, "-n", str(len(self.names)),
                *[word for name, value in options.items() for word in ("--mca", name, str(value))], *more]

    def processes(self):
        """Those that run in the machines."""
        return [int(pid) for name in self.names for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()]

    def close(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.ends = True
        self.thread.join()
        for tun in self.tun:
            os.close(tun)
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name])
        shutil.rmtree(self.folder)
