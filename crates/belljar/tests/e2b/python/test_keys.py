"""Keys: the right one opens, others do not, and nobody sees another's sandboxes."""

import os
import unittest

from e2b.exceptions import AuthenticationException, NotFoundException
from e2b_code_interpreter import Sandbox

ONE, OTHER = os.environ["E2B_API_KEY"], os.environ["OTHER_KEY"]
WRONG = ONE[:-4] + "0000"


class Keys(unittest.TestCase):
    def test_only_with_a_key(self):
        with self.assertRaises(AuthenticationException):
            Sandbox.create(api_key=WRONG)
        sandbox = Sandbox.create()
        self.addCleanup(sandbox.kill)
        self.assertEqual(sandbox.run_code("6 * 7").text, "42")
        with self.assertRaises(NotFoundException):
            Sandbox.connect(sandbox.sandbox_id, api_key=OTHER)
        self.assertFalse(Sandbox.kill(sandbox.sandbox_id, api_key=OTHER))
        self.assertEqual(Sandbox.list(api_key=OTHER).next_items(), [])
        self.assertEqual([one.sandbox_id for one in Sandbox.list().next_items()], [sandbox.sandbox_id])

    def test_only_with_the_secret_of_the_sandbox(self):
        sandbox = Sandbox.create()
        self.addCleanup(sandbox.kill)
        other = Sandbox.create()
        self.addCleanup(other.kill)
        import urllib.error
        import urllib.request

        def ask(path, token=None, port="49983"):
            headers = {"E2b-Sandbox-Id": sandbox.sandbox_id, "E2b-Sandbox-Port": port, "Content-Type": "application/json"}
            if token:
                headers["X-Access-Token"] = token
            request = urllib.request.Request(os.environ["E2B_SANDBOX_URL"] + path, b'{"code": "1"}', headers)
            try:
                return urllib.request.urlopen(request).status
            except urllib.error.HTTPError as error:
                return error.code

        for token in (None, "", "0" * 64, other._envd_access_token):
            self.assertEqual(ask("/process.Process/List", token), 401)
            self.assertEqual(ask("/filesystem.Filesystem/ListDir", token), 401)
            self.assertEqual(ask("/execute", token, "49999"), 401)
            self.assertEqual(ask("/files?path=x", token), 401)
        self.assertEqual(ask("/process.Process/List", sandbox._envd_access_token), 200)


if __name__ == "__main__":
    unittest.main()
