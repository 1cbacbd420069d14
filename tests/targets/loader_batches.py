# SPDX-License-Identifier: Apache-2.0
"""Trains on nothing: torch's DataLoader with two workers, of which each retains known blocks.

usage: loader_batches.py NOTES. Goes on until SIGTERM, then prints how the last batch summed up and
exits by itself. Needs torch.
"""

import signal
import sys

import torch
from process_books import BOOKS, give, take
from torch.utils.data import DataLoader, Dataset

NOTES = sys.argv[1]


class Items(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        retain(index)
        BOOKS.note(NOTES, "exit:0")
        return torch.full((256,), float(index))


def retain(index):
    """Keeps one block of a known size."""
    take(20_000 + index)
    give(take(555))


def main():
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    for number in range(10):
        take(30_000 + number)
    loader = DataLoader(Items(), batch_size=8, num_workers=2, persistent_workers=True)
    epochs = 0
    while not stop:
        total = sum(float(batch.sum()) for batch in loader)
        epochs += 1
        if epochs == 2:
            print("two epochs", flush=True)
    BOOKS.note(NOTES, "exit:0")
    print(total)


if __name__ == "__main__":
    main()
