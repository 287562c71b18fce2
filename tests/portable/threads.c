/* threads.c - what factor.c asks of OpenBLAS, where the reference BLAS stands in for it: that one
 * has no threads. */
int openblas_get_parallel(void);
void openblas_set_num_threads(int n);

int openblas_get_parallel(void)
{
    return 0;
}

void openblas_set_num_threads(int n)
{
    (void)n;
}
