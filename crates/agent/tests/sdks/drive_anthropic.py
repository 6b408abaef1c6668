"""Drives the mock with Anthropic's official SDK and prints what the SDK made of it."""

import json
import sys

import anthropic

URL = sys.argv[1]
TOOL = {"name": "run_code", "description": "Runs code.", "input_schema": {"type": "object", "properties": {}}}
ASK = {"model": "claude-sonnet-5-5", "max_tokens": 1000, "messages": [{"role": "user", "content": "Go."}]}


def client(**more):
    return anthropic.Anthropic(base_url=URL, api_key="sk-ant-test", max_retries=0, **more)


def seen(message):
    keep = ["content", "stop_reason", "stop_details", "usage"]
    return {key: value for key, value in message.to_dict().items() if key in keep}


def streamed(**more):
    with client().messages.stream(**{**ASK, **more}) as stream:
        events = [event.type for event in stream]
        return seen(stream.get_final_message()) | {"events": sorted(set(events))}


def failure(call):
    try:
        call()
    except anthropic.APIStatusError as error:
        classes = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("anthropic")]
        return {"classes": classes, "type": error.type, "code": error.error_code, "id": error.request_id}
    except Exception as error:
        return {"classes": [type(error).__name__]}
    return None


def conversation():
    """Two turns as the SDK's users write them: the reply goes back as it came, with all results."""
    first = client().messages.create(**ASK, tools=[TOOL])
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "1"} for block in first.content if block.type == "tool_use"
    ]
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    return seen(client().messages.create(**{**ASK, "messages": ASK["messages"] + turns}, tools=[TOOL]))


def create(**more):
    return lambda: client().messages.create(**{**ASK, **more})


USER, CALL = ASK["messages"][0], {"type": "tool_use", "id": "a", "name": "run_code", "input": {}}
print(
    json.dumps(
        {
            "version": client().default_headers["anthropic-version"],
            "streamed": streamed(tools=[TOOL]),
            "truncated": streamed(tools=[TOOL]),
            "refused": streamed(),
            "conversation": conversation(),
            "overloaded": failure(create()),
            "limited": failure(create()),
            "spent": failure(create()),
            "denied": failure(create()),
            "broken": failure(streamed),
            "cut": failure(streamed),
            "temperature": failure(create(extra_body={"temperature": 0.5})),
            "unanswered": failure(create(messages=[USER, {"role": "assistant", "content": [CALL]}, USER])),
            "empty": failure(create(messages=[{"role": "user", "content": ""}])),
            "prefill": failure(create(messages=[USER, {"role": "assistant", "content": "The answer is"}])),
        }
    )
)
