import subprocess
import sys
from importlib import import_module
from pathlib import Path

import jaxstyle


def test_the_table_of_contents_leads_somewhere():
    for name in jaxstyle.__all__:
        assert getattr(jaxstyle, name) is not None
    assert set(dir(jaxstyle)) == {*jaxstyle.__all__, "__version__"}


def test_no_module_hides_an_export():
    modules = {path.stem for path in Path(jaxstyle.__file__).parent.iterdir()}
    assert not modules & set(jaxstyle._HOME)
    import_module("jaxstyle.transfer.api")
    assert callable(jaxstyle.stylize)


def test_importing_costs_nothing():
    program = "import sys, jaxstyle; assert not {'jax', 'numpy', 'flax', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(jaxstyle, "stylise")
