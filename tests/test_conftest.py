"""The guard that keeps tests off the network, without which the other tests' silence would mean nothing."""

import asyncio
import os
import socket
from pathlib import Path

import pytest


@pytest.mark.parametrize("reach", ["connect", "connect_ex"])
@pytest.mark.parametrize("address", ["192.0.2.1", "example.org", "0.0.0.0"])
def test_connecting_to_another_machine_fails_and_names_it(reach: str, address: str) -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match=address):
        getattr(connection, reach)((address, 80))


def test_looking_up_a_name_fails_and_names_it() -> None:
    with pytest.raises(RuntimeError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)


async def test_asynchronous_clients_are_kept_off_the_network_too() -> None:
    with pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        await asyncio.open_connection("192.0.2.1", 80)


def test_this_machine_can_be_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        path = os.path.relpath(tmp_path / "socket")  # the name of such a socket has at most 107 characters
        server.bind(path)
        server.listen()
        client.connect(path)


def test_no_setting_of_the_developer_reaches_a_test(tmp_path: Path) -> None:
    ours = {name for name in os.environ if name.startswith(("OPENAI_", "RESEARCH_ASSISTANT_"))}
    assert ours == {"RESEARCH_ASSISTANT_HOME"}
    assert Path(os.environ["RESEARCH_ASSISTANT_HOME"]).is_relative_to(tmp_path)
