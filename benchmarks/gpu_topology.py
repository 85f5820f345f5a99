"""XLA's compiler for NVIDIA's GPUs on a machine without one: it needs to be told the device, not to have it.

The packages, which need no driver: `pip install --no-deps jax-cuda13-plugin==J jax-cuda13-pjrt==J nvidia-nvvm
nvidia-cuda-nvcc`, J the version of JAX. Not known before a real device are the algorithms that cuDNN chooses, their
scratch memory, and times.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import SingleDeviceSharding

KINDS = {"H100": ("NVIDIA H100 80GB HBM3", 3_352_320_000_000, 84_942_979_072),
         "H200": ("NVIDIA H200", 4_800_000_000_000, 151_397_597_184)}  # fmt: skip
"""{kind: name, bytes per second, bytes of memory}."""

# Both have the same chip. Without the driver's version XLA would silently leave calls of libraries out of CUDA graphs.
_TARGET = """
gpu_device_info {{
  threads_per_block_limit: 1024  threads_per_warp: 32  threads_per_core_limit: 2048
  shared_memory_per_block: 49152  shared_memory_per_core: 233472  shared_memory_per_block_optin: 232448
  core_count: 132  fpus_per_core: 128  clock_rate_ghz: 1.98  l2_cache_size: 52428800
  block_dim_limit_x: 2147483647  block_dim_limit_y: 65535  block_dim_limit_z: 65535
  registers_per_core_limit: 65536  registers_per_block_limit: 65536
  memory_bandwidth: {bandwidth}  device_memory_size: {memory}  device_address_bits: 64
  pcie_bandwidth: 34359738368  ecc_enabled: true
  cuda_compute_capability {{ major: 9 }}
  device_vendor: "NVIDIA Corporation"  platform_version: "Compute Capability 9.0a"  name: "{name}"
  driver_version: "13.0.0"  runtime_version: "13.0.0"  compile_time_toolkit_version: "13.0.0"  dnn_version: "9.14.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9  minor: 10  patch: 0 }}
device_description_str: "{name}"
"""


@cache
def devices(kind: str, count: int = 1) -> list[Any]:
    """Devices of the kind "H100" or "H200", for which programs can be compiled but not run.

    Raises:
        ImportError: the packages are not there.
    """
    import jax_plugins.xla_cuda13 as plugin
    from jax._src.lib import xla_client

    plugin._load_nvidia_libraries()
    if not xla_client.pjrt_plugin_loaded("cuda"):
        xla_client.load_pjrt_plugin_dynamically("cuda", str(plugin._get_library_path()))
    if not xla_client.pjrt_plugin_initialized("cuda"):
        xla_client.initialize_pjrt_plugin("cuda")
    name, bandwidth, memory = KINDS[kind]
    target = _TARGET.format(name=name, bandwidth=bandwidth, memory=memory)
    options = {"target_config": target, "topology": f"1x1x{count}"}
    return xla_client._xla.get_default_c_api_topology("cuda", "", options)._make_compile_only_devices()


def placed(tree: Any, sharding: Any) -> Any:
    """The shapes and dtypes of a pytree on such devices; `sharding` is a device or a sharding."""
    if not isinstance(sharding, jax.sharding.Sharding):
        sharding = SingleDeviceSharding(sharding)

    def struct(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf), sharding=sharding)

    return jax.tree.map(struct, tree)
