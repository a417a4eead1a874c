"""What the experiments on CIFAR-100 share: the authors' archive, and its colours."""

DATA = 'cifar100:scratch/cifar-100-binary.tar.gz'
NORMALIZE = {'mean': (0.5071, 0.4867, 0.4408), 'std': (0.2675, 0.2565, 0.2761)}
