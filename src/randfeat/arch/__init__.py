"""Architectures: each a chain of named units and a head, built on the meta device."""

from randfeat.arch.alexnet import Alexnet as Alexnet
from randfeat.arch.autoencoder import Autoencoder as Autoencoder
from randfeat.arch.base import AbstractArch as AbstractArch
from randfeat.arch.conv_pool import ConvPool as ConvPool
from randfeat.arch.densenet import Densenet as Densenet
from randfeat.arch.highway import Highway as Highway
from randfeat.arch.inception import Inception as Inception
from randfeat.arch.lenet import Lenet as Lenet
from randfeat.arch.mixer import Mixer as Mixer
from randfeat.arch.mlp import Mlp as Mlp
from randfeat.arch.plain import Plain as Plain
from randfeat.arch.relation import Relation as Relation
from randfeat.arch.resnet import Resnet as Resnet
from randfeat.arch.saxe import Saxe as Saxe
from randfeat.arch.torchvision import Torchvision as Torchvision
from randfeat.arch.unet import Unet as Unet
from randfeat.arch.vgg import Vgg as Vgg
from randfeat.arch.vit import Vit as Vit
from randfeat.arch.wrn import Wrn as Wrn
