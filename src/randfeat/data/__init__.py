"""Data sets: real ones by download, the user's own, and synthetic ones with a known answer."""

from randfeat.data.adding import Adding as Adding
from randfeat.data.base import AbstractData as AbstractData
from randfeat.data.blobs import Blobs as Blobs
from randfeat.data.copy import Copy as Copy
from randfeat.data.dataset import Augment as Augment
from randfeat.data.dataset import Dataset as Dataset
from randfeat.data.dataset import Raw as Raw
from randfeat.data.dataset import Scale as Scale
from randfeat.data.digits import Digits as Digits
from randfeat.data.imagefolder import ImageFolder as ImageFolder
from randfeat.data.karate import Karate as Karate
from randfeat.data.norb import Norb as Norb
from randfeat.data.npz import Npz as Npz
from randfeat.data.pixels import SequentialDigits as SequentialDigits
from randfeat.data.pixels import SequentialMnist as SequentialMnist
from randfeat.data.planetoid import Planetoid as Planetoid
from randfeat.data.previous import Previous as Previous
from randfeat.data.relations import Relations as Relations
from randfeat.data.torchvision import Cifar10 as Cifar10
from randfeat.data.torchvision import Cifar100 as Cifar100
from randfeat.data.torchvision import FashionMnist as FashionMnist
from randfeat.data.torchvision import Kmnist as Kmnist
from randfeat.data.torchvision import Mnist as Mnist
from randfeat.data.torchvision import Stl10 as Stl10
from randfeat.data.torchvision import Svhn as Svhn
