# SPDX-License-Identifier: Apache-2.0
"""Puts this folder on the path, so that tests find diagnosis.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
