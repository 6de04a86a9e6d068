"""The runtime of the deployed functions, which decides what the zip contains.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

PYTHON_VERSION = "3.13"

RUNTIME = f"python{PYTHON_VERSION}"

ARCHITECTURE = "x86_64"

UV_PLATFORM = "x86_64-manylinux_2_34"
"""The runtime python3.13 runs on Amazon Linux 2023, which has glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html"""

CODE_FOLDER = "/var/task"
"""The folder into which Lambda unpacks the zip. Tracebacks name files in it."""

MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": f"{PYTHON_VERSION}.0",
    "os_name": "posix",
    "platform_machine": ARCHITECTURE,
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": f"{PYTHON_VERSION}.0",
    "python_version": PYTHON_VERSION,
    "sys_platform": "linux",
    "extra": "",
}
"""The values with which the condition of a dependency is evaluated: https://packaging.python.org/specifications/dependency-specifiers/"""
