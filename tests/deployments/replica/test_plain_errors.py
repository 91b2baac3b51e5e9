import pickle
import subprocess
import sys

import pytest
from vllm.exceptions import VLLMValidationError

from deployments.replica.plain_errors import plain_errors


def test_an_error_of_vllm_leaves_as_a_plain_one():
    found = pytest.raises(RuntimeError, match=r"^VLLMValidationError: wrong")
    with found as raised, plain_errors("a test"):
        raise VLLMValidationError("wrong", parameter="p")
    assert type(raised.value) is RuntimeError
    assert b"vllm." not in pickle.dumps(raised.value)


def test_who_deploys_does_not_import_vllm():
    code = "import sys, deployments.builder; sys.exit('vllm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=150).returncode == 0
