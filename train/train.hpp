// Everything of train/ but for learning curves (train/curves.hpp). It stands beside xgrad.hpp, not in it:
// under `using namespace xgrad` a function of one's own called train would be ambiguous with the namespace.
#pragma once

#include <xgrad/train/callbacks.hpp>
#include <xgrad/train/classification.hpp>
#include <xgrad/train/clustering.hpp>
#include <xgrad/train/fit.hpp>
#include <xgrad/train/history.hpp>
#include <xgrad/train/interrupt.hpp>
#include <xgrad/train/k_means.hpp>
#include <xgrad/train/metrics.hpp>
#include <xgrad/train/progress.hpp>
#include <xgrad/train/run.hpp>
#include <xgrad/train/scores.hpp>
#include <xgrad/train/tensorboard.hpp>
