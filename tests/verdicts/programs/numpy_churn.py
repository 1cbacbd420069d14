# SPDX-License-Identifier: Apache-2.0
"""numpy arrays that live for one request."""

import numpy


def request(number, clean):
    a = numpy.ones((200, 200)) * number
    return float((a @ a.T).sum())
