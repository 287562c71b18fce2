"""record.py COLUMNS SECONDS COMMAND...: runs a command in a terminal of so many columns, and interrupts it after so many
seconds if it still runs. Prints JSON: its exit code, the lines as they were drawn over each other, the longest time
without output after the first, and the raw output."""
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

columns, seconds, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
child, fd = pty.fork()
if child == 0:
    for _ in range(100):  # until the size is set
        if os.get_terminal_size(2).columns == columns:
            break
        time.sleep(0.01)
    os.environ.pop("COLUMNS", None)
    os.execvp(command[0], command)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
start, parts, stopped = time.monotonic(), [], False
while True:
    ready = select.select([fd], [], [], 0.1)[0]
    if not stopped and time.monotonic() > start + seconds:
        os.kill(child, signal.SIGINT)
        stopped = True
    if ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        parts.append((time.monotonic(), data.decode()))
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
raw = "".join(text for _, text in parts)
plain = re.sub(r"\x1b\[[0-9;]*[mK]", "", raw)
times = [t for t, _ in parts]
json.dump({"code": code, "lines": [line for line in re.split(r"[\r\n]+", plain) if line], "raw": raw,
           "longest_gap": max((b - a for a, b in zip(times, times[1:])), default=0)}, sys.stdout)
