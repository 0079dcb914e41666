"""A small supervisor: start in order, pass the lines on, start again what dies, stop in order within a budget.

One thread and one loop: nothing here can deadlock with a fork, and a signal is just another event.

    supervisor = Supervisor(console, environment=…, records=…)
    with supervisor:                         # signals are heard from here on; leaving it stops everything
        supervisor.start_server(postgres)    # ended last, in reverse order
        supervisor.run_once(ChildSpec("migrate", …))
        supervisor.start(specs)
        supervisor.wait_ready(missing, seconds=120)
        supervisor.watch()
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from apps.core.local_services.child import Child, ChildSpec, describe_exit
from apps.core.local_services.console import Console
from apps.core.local_services.sentences import LocalServiceError
from apps.core.local_services.server import LocalServer

STOP_BUDGET_SECONDS = 28.0
# Databases end within a second; this much of the budget is theirs, whatever the others do.
SERVERS_SHARE_SECONDS = 6.0
DEATHS_AT_START = 3
TICK_SECONDS = 0.2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # not an error: the person asked for it
    """Somebody asked us to stop."""


class Supervisor:
    """Runs children and servers until told to stop."""

    def __init__(
        self,
        console: Console,
        *,
        environment: Mapping[str, str],
        records: Path,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._console = console
        self._on_stop = on_stop
        self._environment = environment
        self._records = records
        self._children: list[Child] = []
        self._servers: list[LocalServer] = []
        self._selector = selectors.DefaultSelector()
        self._stop_asked = 0
        self._before: dict[signal.Signals, Any] = {}
        self._parent = os.getppid()

    # --- life ------------------------------------------------------------------------------------------------------
    def __enter__(self) -> Supervisor:
        for number in STOP_SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup make run
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._on_stop()
            self._stop_all()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._selector.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked += 1

    def must_stop(self) -> bool:
        """A signal came, the terminal closed, or the ``make`` that started us is gone."""
        parent_gone = "MAKELEVEL" in os.environ and os.getppid() != self._parent
        return self._stop_asked > 0 or self._console.closed or parent_gone

    # --- starting --------------------------------------------------------------------------------------------------
    def start_server(self, server: LocalServer) -> None:
        """Start a database and remember to end it last.  Raises LocalServiceError."""
        self._servers.append(server)
        server.start(give_up=self.must_stop)
        if self.must_stop():
            raise Stopped

    def run_once(self, spec: ChildSpec) -> None:
        """Run a step to its end.  Raises LocalServiceError when it fails, Stopped when we are told to stop."""
        child = self._new_child(spec)
        self._start_child(child)
        while (code := child.exit_code()) is None:
            self._pass_lines_on()
            if self.must_stop():
                raise Stopped
        self._drain()
        self._children.remove(child)
        if code != 0:
            raise LocalServiceError(
                f"步骤 {spec.name} 失败（{describe_exit(code)}），最后的输出如下。",
                f"The step {spec.name} failed ({describe_exit(code)}); its last lines follow.",
                details=_indented(child.last_lines),
            )

    def start(self, specs: Sequence[ChildSpec]) -> None:
        for spec in specs:
            self._start_child(self._new_child(spec))

    def wait_ready(self, missing: Callable[[], list[str]], *, seconds: float) -> None:
        """Watch until nothing is missing.  A child that dies again and again ends the run with its last lines."""
        deadline = time.monotonic() + seconds
        while names := missing():
            self._turn()
            if self.must_stop():
                raise Stopped
            for child in self._children:
                if child.deaths_in_a_row >= DEATHS_AT_START:
                    raise LocalServiceError(
                        f"{child.spec.name} 启动后反复退出，最后的输出如下。",
                        f"{child.spec.name} keeps ending right after its start; its last lines follow.",
                        details=_indented(child.last_lines),
                    )
            if time.monotonic() > deadline:
                raise LocalServiceError(
                    f"{seconds:.0f} 秒后仍未就绪：{', '.join(names)}。",
                    f"Not ready after {seconds:.0f} s: {', '.join(names)}.",
                )

    def watch(self) -> None:
        """Keep everything running until told to stop."""
        while not self.must_stop():
            self._turn()

    def pid(self, name: str) -> int | None:
        return next((child.pid for child in self._children if child.spec.name == name), None)

    def _new_child(self, spec: ChildSpec) -> Child:
        child = Child(spec, environment=self._environment, records=self._records)
        self._children.append(child)
        return child

    def _start_child(self, child: Child) -> None:
        try:
            descriptor = child.start()
        except OSError as error:
            raise LocalServiceError(
                f"{child.spec.name} 无法启动：{error}。", f"{child.spec.name} can't be started: {error}."
            ) from error
        self._selector.register(descriptor, selectors.EVENT_READ, child)

    # --- one turn of the loop --------------------------------------------------------------------------------------
    def _turn(self) -> None:
        self._pass_lines_on()
        self._revive_servers()
        for child in self._children:
            code = child.exit_code()
            if code is not None:
                wait = child.postpone()
                how = describe_exit(code)
                self._console.say(
                    f"{child.spec.name} 已退出（{how}），{wait:.0f} 秒后重新启动。 "
                    f"{child.spec.name} ended ({how}), it starts again in {wait:.0f} s."
                )
            elif not child.is_running and time.monotonic() >= child.start_at:
                self._start_child(child)

    def _pass_lines_on(self, seconds: float = TICK_SECONDS) -> None:
        for key, _ in self._selector.select(timeout=seconds):
            child: Child = key.data
            lines, still_open = child.lines(key.fd)
            for line in lines:
                self._console.line(child.spec.name, line)
            if not still_open:
                self._selector.unregister(key.fd)
                os.close(key.fd)

    def _drain(self) -> None:
        """The last words of a child that has ended."""
        while self._selector.get_map() and self._selector.select(timeout=0):
            self._pass_lines_on(0)

    def _revive_servers(self) -> None:
        for server in self._servers:
            if server.has_died():
                self._console.say(
                    f"{server.label} 已退出，正在重新启动。 {server.label} ended, it is being started again."
                )
                server.start(give_up=self.must_stop)

    # --- stopping --------------------------------------------------------------------------------------------------
    def _stop_all(self) -> None:
        deadline = time.monotonic() + STOP_BUDGET_SECONDS
        children_until = deadline - SERVERS_SHARE_SECONDS
        ranks = sorted({child.spec.stop_rank for child in self._children})
        for index, rank in enumerate(ranks):
            now = time.monotonic()
            # Each rank may use its even share of what is left; what it does not need falls to the next.
            share = max(0.0, children_until - now) / (len(ranks) - index)
            self._stop_rank([child for child in self._children if child.spec.stop_rank == rank], until=now + share)
        for server in reversed(self._servers):
            server.stop(seconds=max(1.0, deadline - time.monotonic()) / 2)

    def _stop_rank(self, children: list[Child], *, until: float) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        asked_before = self._stop_asked
        while any(child.exit_code() is None and child.is_running for child in children):
            self._pass_lines_on(0.05)
            impatient = self._stop_asked > max(1, asked_before)
            if time.monotonic() > until or impatient:
                for child in children:
                    if child.is_running:
                        self._console.say(
                            f"{child.spec.name} 没有按时结束，已强制终止。 "
                            f"{child.spec.name} did not end in time and was killed."
                        )
                        child.kill()
                until = float("inf")
        self._drain()


def _indented(lines: Sequence[str] | Any) -> str:
    return "\n".join(f"  {line}" for line in lines)
