"""Published figures beside ours, each with its source; nothing unverified is listed."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A citation."""

    key: str
    text: str
    link: str = ""


class Published(NamedTuple):
    """One published figure."""

    what: str
    value: float
    unit: str
    source: str  # key of a Source
    note: str = ""


SOURCES = (
    Source(
        "tang2021",
        "Tang, Kumar, Polykretis, Michmizos 2021: BioGrad: Biologically Plausible Gradient-Based"
        " Learning for Spiking Neural Networks. Only the abstract was available: equations and"
        " constants here are a reconstruction.",
        "https://arxiv.org/abs/2110.14092",
    ),
    Source(
        "renner2024",
        "Renner et al. 2024, Nature Communications 15:9691, Table 1.",
        "https://doi.org/10.1038/s41467-024-53827-9",
    ),
    Source(
        "davies2018",
        "Davies et al. 2018: Loihi, IEEE Micro 38(1), Table 2 (pre-silicon).",
        "https://doi.org/10.1109/MM.2018.112130359",
    ),
    Source(
        "frady2020",
        "Frady et al. 2020: nearest neighbor search on Pohoiki Springs, NICE 2020 (static power).",
        "https://arxiv.org/abs/2004.12691",
    ),
    Source(
        "sanafe",
        "Boyle et al. 2025: SANA-FE, file arch/loihi.yaml (calibrated on silicon).",
        "https://github.com/SLAM-Lab/SANA-FE",
    ),
    Source("desire", "Desire backpropagation, three layers; figure read in its paper."),
    Source("pcsnn", "PC-SNN; figure read in its paper."),
    Source("eqspike", "EqSpike; figure read in its paper."),
    Source(
        "tsslbp", "TSSL-BP (Zhang and Li 2020); figure as cited by others, not read in its paper."
    ),
    Source("nalsm", "NALSM, a liquid state machine; figure read in its paper."),
    Source(
        "shrestha2021",
        "Shrestha et al. 2021: EM-STDP on Loihi, as listed in Renner et al. 2024, Table 1.",
    ),
    Source("lin2018", "Lin et al. 2018: on Loihi, as listed in Renner et al. 2024, Table 1."),
    Source("frenkel2020", "Frenkel et al. 2020: SPOON, as listed in Renner et al. 2024, Table 1."),
    Source("park2019", "Park et al. 2019, as listed in Renner et al. 2024, Table 1."),
    Source(
        "clpsnn",
        "CLP-SNN, arXiv 2511.01553: real-time continual learning on Intel Loihi 2; figures of its"
        " abstract.",
        "https://arxiv.org/abs/2511.01553",
    ),
    Source(
        "neurobench",
        "Yik et al. 2025: NeuroBench, Nature Communications 16:1545; definitions as in its code"
        " 2.3.0.",
        "https://github.com/NeuroBench/neurobench",
    ),
    Source(
        "yan2024",
        "Yan et al. 2024: when a spiking network beats a quantised one in energy.",
        "https://arxiv.org/abs/2409.08290",
    ),
    Source(
        "levy2021",
        "Levy and Calvert 2021, PNAS 118:e2008173118: communication takes 35 times computation's"
        " energy in the cortex.",
    ),
    Source(
        "neftci2019",
        "Neftci, Mostafa, Zenke 2019: surrogate gradient learning.",
        "https://arxiv.org/abs/1901.09948",
    ),
    Source(
        "nokland2016",
        "Nokland 2016: direct feedback alignment.",
        "https://arxiv.org/abs/1609.01596",
    ),
    Source(
        "snntorch",
        "snnTorch 1.0.0 (Eshraghian et al. 2023).",
        "https://github.com/jeshraghian/snntorch",
    ),
)

# The paper's own figures, from its abstract.
PAPER_MNIST = Published("MNIST, multi-layer fully connected", 98.13, "%", "tang2021")
PAPER_NMNIST = Published("N-MNIST", 97.59, "%", "tang2021")
PAPER_LOIHI = Published("trained on Loihi, one hidden layer of 100", 93.32, "%", "tang2021")
PAPER_ENERGY = Published(
    "energy per training sample: Loihi against a GPU", 400, "times less", "tang2021"
)

# Accuracy of fully connected spiking networks.
MNIST_ACCURACY = (
    Published("Desire backprop, 3 layers", 98.41, "%", "desire"),
    PAPER_MNIST._replace(what="BioGrad, the paper"),
    Published("PC-SNN", 98.1, "%", "pcsnn"),
    Published("NALSM, liquid", 97.61, "%", "nalsm"),
    Published("EqSpike", 97.6, "%", "eqspike"),
)

FASHION_ACCURACY = (
    Published("TSSL-BP, 400-400", 89.80, "%", "tsslbp"),
    Published("Desire backprop, 3 layers", 87.56, "%", "desire"),
    Published("NALSM, liquid", 85.84, "%", "nalsm"),
)

# Training on chips, MNIST, measured by their authors.
CHIP_TRAINING_J = (
    Published(
        "Shrestha 2021, EM-STDP, Loihi, CNN-CNN-100-10", 8.4e-3, "J", "shrestha2021", "94.7 %"
    ),
    Published("Renner 2024, backprop, Loihi, 400-400-10", 0.59e-3, "J", "renner2024", "96.3 %"),
    Published("Lin 2018, Loihi, 1920-10", 0.553e-3, "J", "lin2018", "96.4 %"),
    Published("Frenkel 2020, SPOON (own silicon), CNN-10", 0.366e-6, "J", "frenkel2020", "95.3 %"),
    Published("Park 2019 (own silicon), 784-200-200-10", 0.253e-6, "J", "park2019", "98.1 %"),
)
CHIP_INFERENCE_J = (
    Published("Renner 2024, Loihi, 400-400-10", 2.5e-6, "J", "renner2024", "96.3 %"),
)
CHIP_TRAINING_S = (
    Published("Shrestha 2021, Loihi", 20e-3, "s", "shrestha2021"),
    Published("Renner 2024, Loihi", 1.5e-3, "s", "renner2024"),
    Published("Frenkel 2020, SPOON", 0.12e-3, "s", "frenkel2020"),
    Published("Park 2019", 0.01e-3, "s", "park2019"),
)
CHIP_INFERENCE_S = (Published("Renner 2024, Loihi", 0.17e-3, "s", "renner2024"),)
# Learning without rehearsal on a chip, OpenLORIS, measured by its authors.
CONTINUAL_J = Published("CLP-SNN, Loihi 2", 0.05e-3, "J", "clpsnn")
CONTINUAL_S = Published("CLP-SNN, Loihi 2", 0.33e-3, "s", "clpsnn")
BEST_ON_LOIHI = Published(
    "Renner 2024, backpropagation on Loihi, 400-400-10", 96.3, "%", "renner2024"
)

CORTEX_COMMUNICATION = Published(
    "human cortex: communication over computation", 35, "times", "levy2021"
)
SPARSE_ENOUGH = Published(
    "spikes per neuron and step below which a spiking net wins", 6, "%", "yan2024", "T = 5 to 10"
)
