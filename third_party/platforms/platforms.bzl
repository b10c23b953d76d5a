# SPDX-License-Identifier: Apache-2.0
"""What targets say of the machines that they can exist on."""

# For target_compatible_with: machines with an operating system.
HOSTED = select({
    "@platforms//os:none": ["@bpfmap//third_party/platforms:none"],
    "//conditions:default": [],
})
