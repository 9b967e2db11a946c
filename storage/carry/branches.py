"""Conversations that branch: an answer asked for again, a prompt that was edited, as a tree of messages.

The path to the current message is the conversation. An answer beside it becomes a variant of its turn, the current
one being the last. Where another way goes on with a prompt of its own, it becomes a session, forked from the first.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from storage.carry.fields import BadRecord
from storage.carry.said import Answer, Conversation, Talk
from storage.whole import WholeAttachment

MOST_FORKS = 100
"""Of one conversation; a fork repeats what came before it, so a hostile file could ask for any amount."""


@dataclass(frozen=True, slots=True)
class Node:
    """One message in its place. One with neither prompt nor answer only links others."""

    id: str
    parent: str | None
    is_prompt: bool = False
    prompt: str = ""
    when: datetime | None = None
    attachments: tuple[WholeAttachment, ...] = ()
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """One way through the tree, and from where on it is another one's."""

    path: Sequence[Node]
    own: int
    """Index of the first message that the way before it does not have."""
    conversation: Conversation


def conversations(nodes: Mapping[str, Node], current: str, whole: Conversation) -> Iterator[Conversation]:
    """The conversation that leads to the current message, then its forks. Raises `BadRecord` for a circle."""
    children: dict[str | None, list[Node]] = defaultdict(list)
    for node in nodes.values():
        children[node.parent if node.parent in nodes else None].append(node)
    ways = deque([_Way(_path_to(nodes, current), 0, whole)])
    given = 0
    while ways and given <= MOST_FORKS:
        way = ways.popleft()
        asked, forks = _walked(way, children)
        conversation = replace(way.conversation, asked=asked.asked)
        # Every conversation has the same time of birth, or the ids of forks would depend on their order.
        conversation = replace(conversation, created=whole.created or conversation.born)
        yield conversation
        given += 1
        for path, at in forks:
            turns = sum(node.is_prompt for node in path[:at])
            fork = replace(
                conversation,
                origin=f"{whole.origin}#{path[at].id}",
                title=f"{whole.title} (branch)" if whole.title else "",
                starred=False,
                parent_id=conversation.session_id,
                parent_seq=turns or None,
            )
            ways.append(_Way(path, at, fork))


def _walked(way: _Way, children: Mapping[str | None, Sequence[Node]]) -> tuple[Talk, list[tuple[list[Node], int]]]:
    talk = Talk()
    variants: dict[int, list[Answer]] = defaultdict(list)
    forks = []
    known = {node.id for node in way.path}
    for at, node in enumerate(way.path):
        beside = children.get(way.path[at - 1].id if at else None, ()) if at > way.own or not way.own else ()
        for other in beside:
            if other.id in known:
                continue
            branch = _down(other, children)
            if any(each.is_prompt for each in branch) or not talk.asked:
                forks.append(([*way.path[:at], *branch], at))
            elif (answer := _joined(branch)) is not None:
                variants[len(talk.asked) - 1].append(answer)
        _say(talk, node)
    for at, others in variants.items():
        asked = talk.asked[at]
        talk.asked[at] = replace(asked, answers=(*others, *asked.answers))
    return talk, forks


def _say(talk: Talk, node: Node) -> None:
    if node.is_prompt:
        talk.user(node.prompt, node.when, node.attachments)
    elif node.answer is not None:
        talk.assistant(node.answer)


def _joined(branch: Sequence[Node]) -> Answer | None:
    talk = Talk()
    for node in branch:
        _say(talk, node)
    return talk.asked[0].answers[0] if talk.asked else None


def _down(node: Node, children: Mapping[str | None, Sequence[Node]]) -> list[Node]:
    """The newest way down from a message."""
    path, seen = [node], {node.id}
    while below := children.get(path[-1].id):
        if below[-1].id in seen:
            raise BadRecord("its messages follow each other in a circle")
        path.append(below[-1])
        seen.add(below[-1].id)
    return path


def _path_to(nodes: Mapping[str, Node], current: str) -> list[Node]:
    path, seen = list[Node](), set[str]()
    at: str | None = current
    while at is not None and at in nodes:
        if at in seen:
            raise BadRecord("its messages follow each other in a circle")
        seen.add(at)
        path.append(nodes[at])
        at = nodes[at].parent
    return path[::-1]
