// XGRAD_VISIT: the optional shorthand for Module::visit.
#pragma once

#include <xgrad/nn/module.hpp>

/// Inside a module, `XGRAD_VISIT(hidden, output)` writes visit() for the members listed, named as they are
/// spelled.
#define XGRAD_VISIT(...) \
  void visit(::xgrad::nn::Visitor& visitor) override { visitor.members(#__VA_ARGS__, __VA_ARGS__); }
