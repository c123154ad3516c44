"""Data sets of images by the names of torchvision, over files that are already there: nothing is downloaded."""

from .celeba import CelebA
from .cifar import CIFAR10, CIFAR100
from .classes import DatasetFolder, ImageFolder
from .fake import FakeData
from .folders import VisionDataset
from .food101 import Food101
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .svhn import SVHN

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "CelebA",
    "DatasetFolder",
    "EMNIST",
    "FakeData",
    "FashionMNIST",
    "Food101",
    "ImageFolder",
    "KMNIST",
    "MNIST",
    "SVHN",
    "VisionDataset",
]
