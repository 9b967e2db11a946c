"""Answers as models write them, with everything that has ever been hard to lay out while it streams."""

LEASE = """Clause 7 sets three duties:

1. **Repair** within 14 days of notice (7.2). The tenant carries the cost unless the damage is *structural*.
2. **Report** damage "without delay" (7.3)
   - in writing
   - with a photograph where `possible`
     and a date
3. **Return** the premises as they were

   A second paragraph of item three, ~~struck~~ and __strong__.
4. Last.

> A tenant who is late pays. See [the guide](https://example.org/tenancy/guide).
>
> - quoted item
> - another

| Duty | Deadline | Clause |
|:-----|:--------:|-------:|
| Repair | 14 days | 7.2 |
| Report | at once, in writing, to the agent named in annex B of the lease | 7.3 |
| 返却 | 期限の日に | 7.4 |

---

Done.
"""
CODE = """Use a `dict`:

```python
class Lease:
    \"\"\"A docstring
    over lines, with 'quotes'.\"\"\"

    def late(self, days: int) -> bool:
        # it doesn't matter
        return days > 14 and f"{days}" != "fourteen days, which is a long string that does not fit the column"
```

Then in C:

```c
/* It's a comment
   over two lines, don't colour it as code */
int main(void) { return 0x1F; }
```

~~~
no language, and ``` inside
~~~

```json
{"a": [1, 2, {"b": null}]}
```

1. Install

   ```bash
   pip install duologue
   echo "it's done"

   exit 0
   ```
   and go on
2. Run:
   ```console
   $ duologue
   ```
3. ```sql
   SELECT 1;
   ```

    indented = code

Unclosed at the end:

```rust
fn main() {
    let s: List<String> = vec![];
"""
WORDS = """# Überschrift

Setext heading
==============

Second one
over two lines
---
日本語の長いテキストは、どこでも折り返されます。「引用」も、句読点は行頭に来ません。🚀🇩🇪👍

한국어 텍스트 and עברית and ภาษาไทย and नमस्ते.

`List<String>` and Map<K, V> and <div class="x">raw</div> and <b>bold?</b> and a<b.

Math: \\(x^2 + y_1\\), $a_1 * b_1 * c$, $$\\int_0^1 f$$ and 2 * 3 * 4 and snake_case_name and 2**10.

Line one of verse
  line two of verse
line three\\
hard break\x20\x20
and another

See [ref], [text][ref], [lower][REF] and ![image](https://example.org/i.png "t"), <https://a.example/b?c=d>.

* star
* list

- other list
- tight

- loose after all

+ plus
    + four spaces
        + deeper
            + deepest
              text

      para of the second
10. ten
11. eleven

- [ ] task
- [x] done
-
- empty before

Entities: &lt;b&gt; &amp; &#x202e;evil&#27; &NewLine; &nbsp;x

[ref]: https://later.example/path "Title"
[unused]: <https://unused.example>

> lazy quote
continues here
> > nested quote
> ```
> quoted code
> ```

Term
: not a definition

***
___
| not | a table
"""
TABLES = """Text directly before
| a | b |
|---|---|
| 1 | 2 |
| `x|y` | **bold** |
| only one |
| one | two | three |
text that is a row in GFM

| wide | columns | that | are | too | many | for | a narrow | column |
|---|---|---|---|---|---|---|---|---|
| aaaaaaaaaaaa | bbbbbbbbbbbb | cccccccccc | dddddddd | eeeeee | ffffff | gggg | hhhhh | iiiiiiii |

- list with table

  | k | v |
  |---|---|
  | 1 | 日本 |

| head |
|------|
"""
LONG = (
    "A very long paragraph that goes on with **strong words**, `code` and [links](https://example.org) in it. " * 28
)
ONE_LINE = "unbroken" * 350
NESTED = "- top\n" + "".join(
    f"  - item {n} with words\n    1. number {n}\n       more\n\n       ```py\n       x = {n}\n       ```\n"
    for n in range(12)
)
ITEMS = "\n".join(f"{n}. item {n}\n\n   para *{n}*" for n in range(1, 15))
DEFINITIONS = "See [a] and [b][c].\n\nMore [text][a].\n\n```\n[a] in code\n```\n\n- [c]\n\n[a]: /x\n[b]: /y\n[c]: https://c.example/z\n"

ANSWERS = (LEASE, CODE, WORDS, TABLES, LONG, ONE_LINE, NESTED, ITEMS, DEFINITIONS)
"""Whole answers."""
