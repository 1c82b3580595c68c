#include <xgrad/tensor/onednn.hpp>

#ifdef XGRAD_ONEDNN
#include <dnnl.h>
#endif

namespace xgrad::onednn {

#ifdef XGRAD_ONEDNN

bool multiply(const blas::Product<float>& p) {
  return dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.rows, p.columns, p.inner, 1.0F,
                    p.a, p.lda, p.b, p.ldb, p.beta, p.c, p.ldc) == dnnl_success;
}

#else

bool multiply(const blas::Product<float>&) { return false; }

#endif

}  // namespace xgrad::onednn
