# SPDX-License-Identifier: Apache-2.0
"""Next to no work."""

def request(number, clean):
    return number * number
