# from: typical code of an analysis
# expect: allowed
from __future__ import annotations
from dataclasses import dataclass, field
from collections import Counter, defaultdict
from functools import lru_cache, reduce
import itertools, re, json

@dataclass
class Word:
    text: str
    count: int = 0
    places: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.text = self.text.lower()

    def __repr__(self):
        return f"{type(self).__name__}({self.text!r})"

class Special(Word):
    def __init__(self, text):
        super().__init__(text, 1)

@lru_cache(maxsize=None)
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)

words = Counter(re.findall(r"\w+", "the cat and the hat"))
pairs = defaultdict(list)
for a, b in itertools.combinations(sorted(words), 2):
    pairs[a].append(b)
total = reduce(lambda left, right: left + right, words.values())
print(json.dumps({"total": total, "fib": fib(20)}, indent=2), Special("X"))
if __name__ == "__main__":
    print(max(words, key=words.get))
