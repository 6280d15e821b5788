from __future__ import annotations
import time
from tests.module.arrays import ArrayUnderTest

def test_created(array: ArrayUnderTest) -> None:
    t=time.time()
    made = array.converges("flash_volume", name="db1", size="10GiB")
    print(made, time.time()-t)
    assert array.volumes()["db1"]["size"] == 10*1024**3
