"""Drives the mock with OpenAI's official SDK and prints what the SDK made of it."""

import json
import sys

import openai

URL = sys.argv[1] + "/v1"
PARAMETERS = {"type": "object", "properties": {"code": {"type": "string"}}}
TOOL = {"type": "function", "name": "run_code", "description": "Runs.", "parameters": PARAMETERS, "strict": False}
FUNCTION = {"type": "function", "function": {"name": "run_code", "description": "Runs.", "parameters": PARAMETERS}}
USER = {"role": "user", "content": "Go."}
CALL = {"id": "a", "type": "function", "function": {"name": "run_code", "arguments": "{}"}}


def client(key="sk-test"):
    return openai.OpenAI(base_url=URL, api_key=key, max_retries=0)


def failure(call):
    try:
        call()
    except openai.APIError as error:
        classes = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("openai")]
        return {"classes": classes, "code": error.code, "id": getattr(error, "request_id", None)}
    except Exception as error:
        return {"classes": [type(error).__name__]}
    return None


def respond(key="sk-test", **more):
    ask = {"model": "gpt-6.1-sol", "input": [USER], "tools": [TOOL], "store": False}
    return client(key).responses.create(**{**ask, **more})


def response(value):
    keep = ["status", "output", "incomplete_details", "usage"]
    return {key: item for key, item in value.to_dict().items() if key in keep} | {"text": value.output_text}


def streamed_response():
    ask = {"model": "gpt-6.1-sol", "input": [USER], "tools": [TOOL], "store": False}
    with client().responses.stream(**ask) as stream:
        events = [event.type for event in stream]
        return response(stream.get_final_response()) | {"events": sorted(set(events))}


def response_turns():
    """Two turns as the SDK's users write them: all items go back, with the outputs of all calls."""
    first = respond()
    outputs = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "1"}
        for item in first.output
        if item.type == "function_call"
    ]
    return response(respond(input=[USER, *(item.to_dict() for item in first.output), *outputs]))


def chat(key="sk-test", **more):
    ask = {"model": "gpt-5.6-sol", "messages": [USER], "tools": [FUNCTION]}
    return client(key).chat.completions.create(**{**ask, **more})


def choice(value):
    return value.choices[0].to_dict() | {"usage": value.usage and value.usage.to_dict()}


def streamed_chat():
    ask = {"model": "gpt-5.6-sol", "messages": [USER], "tools": [FUNCTION]}
    with client().chat.completions.stream(**ask, stream_options={"include_usage": True}) as stream:
        events = [event.type for event in stream]
        return choice(stream.get_final_completion()) | {"events": sorted(set(events))}


def chat_turns():
    first = chat().choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "1"} for call in first.tool_calls]
    return choice(chat(messages=[USER, first.to_dict(), *results]))


print(
    json.dumps(
        {
            "responses": {
                "streamed": streamed_response(),
                "whole": response(respond()),
                "incomplete": response(respond()),
                "turns": response_turns(),
                "overloaded": failure(respond),
                "limited": failure(respond),
                "broken": failure(lambda: list(respond(stream=True))),
                "cut": failure(lambda: list(respond(stream=True))),
                "denied": failure(lambda: respond(key="wrong-key-of-a-test")),
                "unknown": failure(lambda: respond(extra_body={"sampling": 1})),
                "unasked": failure(
                    lambda: respond(input=[{"type": "function_call_output", "call_id": "z", "output": "1"}])
                ),
            },
            "chat": {
                "streamed": streamed_chat(),
                "whole": choice(chat()),
                "incomplete": choice(chat()),
                "turns": chat_turns(),
                "overloaded": failure(chat),
                "limited": failure(chat),
                "broken": failure(lambda: list(chat(stream=True))),
                "cut": failure(lambda: list(chat(stream=True))),
                "denied": failure(lambda: chat(key="wrong-key-of-a-test")),
                "unknown": failure(lambda: chat(extra_body={"sampling": 1})),
                "unanswered": failure(
                    lambda: chat(messages=[USER, {"role": "assistant", "tool_calls": [CALL]}, USER])
                ),
                "renamed": failure(lambda: chat(model="gpt-6-sol", max_tokens=10)),
            },
        }
    )
)
