// Learning curves as a picture.
#pragma once

#include "training.hpp"

#include <string>
#include <vector>

/// An SVG of loss and accuracy over the epochs, training beside validation, with the epoch marked whose
/// weights are kept. Needs at least one epoch; the texts are plain, without markup.
std::string curves_svg(const std::vector<Epoch>& epochs, const std::string& title,
                       const std::string& subtitle);
