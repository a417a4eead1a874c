"""What the experiments on STL-10 share: the authors' archive, and its colours."""

DATA = 'stl10:scratch/stl10_binary.tar.gz'
NORMALIZE = {'mean': (0.4408, 0.4278, 0.3867), 'std': (0.2682, 0.2612, 0.2686)}
