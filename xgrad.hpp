// Everything of xgrad in one header.
#pragma once

#include <xgrad/autograd/checkpoint.hpp>
#include <xgrad/autograd/function.hpp>
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/map.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/random.hpp>
