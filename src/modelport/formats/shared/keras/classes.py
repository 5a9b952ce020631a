"""The classes and functions of Keras 1 to 3 by their exact names: everything else is unknown code.

Collected from the sources of Keras 1.1 to 2.2, tf_keras 2.21 and Keras 3.15.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _words(
    """
    Activation ActivityRegularization Adadelta Adagrad Adam Adamax AdaptiveAveragePooling1D
    AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout
    AtrousConv1D AtrousConv2D AtrousConvolution1D AtrousConvolution2D Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BaseRandomLayer
    BatchNormalization BatchNormalizationV1 BatchNormalizationV2 Bidirectional
    CategoryEncoding CenterCrop ClassMethod Concatenate Container
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D
    Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM2DCell ConvLSTM3D
    ConvRNN2D ConvRecurrent2D Convolution1D Convolution2D Convolution3D Cropping1D
    Cropping2D Cropping3D CuDNNGRU CuDNNLSTM CustomScaleLayer CutMix Deconvolution2D Dense
    DenseFeatures DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout DynamicEmbedding
    DynamicLookup ELU EinsumDense Embedding Equalization FeatureSpace Flatten FlaxLayer Ftrl
    Functional GRU GRUCell GRUV1 GRUV2 GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D Graph GroupNormalization GroupedQueryAttention HashedCrossing Hashing
    Highway Identity Input InputLayer InstanceMethod InstanceProperty IntegerLookup JaxLayer
    LSTM LSTMCell LSTMV1 LSTMV2 Lambda LayerNormalization LayerScale LeakyReLU
    LinearModel LocallyConnected1D LocallyConnected2D Masking MaxNumBoundingBoxes MaxPooling1D
    MaxPooling2D MaxPooling3D Maximum MaxoutDense MelSpectrogram Merge Minimum MixUp Model
    MultiHeadAttention Multiply Nadam Network Normalization NotEqual OptimizerV2 PReLU
    ParametricSoftplus Permute Pipeline RMSNormalization RMSprop RNN RandAugment RandomApply
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
    RandomElasticTransform RandomErasing RandomFlip RandomFourierFeatures RandomGaussianBlur
    RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing
    ReversibleEmbedding SGD SReLU STFTSpectrogram SeparableConv1D SeparableConv2D
    SeparableConvolution2D SequenceFeatures Sequential SimpleRNN SimpleRNNCell
    SlicingOpLambda Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D
    SpectralNormalization StackedRNNCells StochasticDepth StringLookup Subtract
    SyncBatchNormalization TFOpLambda TensorFlowOpLayer TextVectorization ThresholdedReLU
    TimeDistributed TimeDistributedDense TorchModuleWrapper UnitNormalization UpSampling1D
    UpSampling2D UpSampling3D WideDeepModel ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """
)
"""Layers and models."""

OPERATIONS = _words(
    """
    Abs Absolute AdaptiveAveragePool AdaptiveMaxPool Add AffineTransform All AllClose Amax
    Amin Angle Any Append Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax
    Argmin Argpartition Argsort Array ArraySplit AssociativeScan Average AveragePool
    BatchNorm BinaryCrossentropy Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift
    BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo CDist CTCDecode CTCLoss
    Cast CategoricalCrossentropy Cbrt Ceil Celu Cholesky CholeskyInverse Clip Concatenate
    Cond Conj Conjugate Conv ConvTranspose ConvertToTensor Copy Corrcoef Correlate Cos Cosh
    CountNonzero CropImages Cross Cumprod Cumsum Deg2rad DepthToSpace DepthwiseConv Det Diag
    Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot DotProductAttention Dsplit Dstack
    Eig Eigh Einsum ElasticTransform Elu EmptyLike Equal Erf Erfc Erfinv Exp Exp2 ExpandDims
    Expm1 ExtractPatches ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud Floor FloorDivide
    Fmax Fmin Fmod Fold ForiLoop Full FullLike Function GaussianBlur Gcd Gelu Geomspace
    GetItem Glu Greater GreaterEqual HSVToRGB HardShrink HardSigmoid HardSilu HardTanh
    Heaviside Histogram Hsplit Hstack Hypot I0 IFFT2 IRFFT ISTFT Imag InTopK Inner Inv IsIn
    Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal JVP Kron LayerNorm Lcm Ldexp
    LeakyRelu LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 LogSigmoid LogSoftmax
    Logaddexp Logaddexp2 Logdet LogicalAnd LogicalNot LogicalOr LogicalXor Logspace
    Logsumexp Lstsq LuFactor Map MapCoordinates Matmul MatrixRank Max MaxPool Maximum Mean
    Median Meshgrid Min Minimum Mod Moments Moveaxis MultiHot Multiply NanToNum Nanargmax
    Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod
    Nanquantile Nanstd Nansum Nanvar Ndim Negative Nextafter Nonzero Norm Normalize NotEqual
    OneHot OnesLike Outer PSNR Pad PadImages Percentile PerspectiveTransform Pinv Polar
    Power Prod Ptp Qr Quantile RFFT RGBToGrayscale RGBToHSV RMSNorm Rad2deg Ravel Real
    Rearrange Reciprocal Relu Relu6 Repeat Reshape Resize RightShift Roll Rot90 Round Rsqrt
    SSIM STFT SVD SaturateCast ScaleAndTranslate Scan Scatter ScatterUpdate SearchSorted
    SegmentMax SegmentMin SegmentProd SegmentReduction SegmentSum Select Selu SeparableConv
    Sigmoid Sign Signbit Silu Sin Sinc Sinh Size Slice SliceUpdate Slogdet SobelEdges
    SoftShrink Softmax Softplus Softsign Solve SolveTriangular Sort SpaceToDepth
    SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Split Sqrt Square
    Squareplus Squeeze Stack Std StopGradient Subtract Sum Swapaxes Switch Take
    TakeAlongAxis Tan Tanh TanhShrink Tensordot Threshold Tile TopK Trace Transpose
    Trapezoid Tril Triu TrueDivide Trunc Unfold Unique UnravelIndex Unstack Vander Var Vdot
    VectorizedMap View ViewAsComplex ViewAsReal Vsplit Vstack Where WhileLoop ZerosLike
    """
)
"""Operations of ``keras.ops`` inside a functional model."""

OBJECTS = _words(
    """
    AWQConfig AWQDTypePolicy AbsMaxQuantizer ActivityRegularizer CompileLossContainer
    Constant Constraint Cross DTypePolicy DTypePolicyMap EigenvalueRegularizer Feature
    Float8QuantizationConfig FloatDTypePolicy GPTQConfig GPTQDTypePolicy GlorotNormal
    GlorotNormalV2 GlorotUniform GlorotUniformV2 HeNormal HeUniform Identity
    IdentityInitializer Initializer Int4DTypePolicy Int4QuantizationConfig
    Int8QuantizationConfig L1 L1L2 L1L2Regularizer L2 LecunNormal LecunUniform MaxNorm
    MinMaxNorm NonNeg Ones OnesV2 Orthogonal OrthogonalRegularizer Policy PolicyV1
    QuantizationConfig QuantizedDTypePolicy QuantizedFloat8DTypePolicy RadialConstraint
    RandomInitializer RandomNormal RandomUniform Regularizer STFT SeedGenerator TensorShape
    TruncatedNormal UnitNorm VarianceScaling WeightRegularizer Zeros ZerosV2 __bytes__
    __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__ __typespec__
    dtype
    """
)
"""Initializers, regularizers, constraints, policies and plain values."""

OPTIMIZERS = _words(
    """
    Adadelta Adafactor Adagrad Adam AdamW Adamax CosineDecay CosineDecayRestarts
    ExponentialDecay Ftrl InverseTimeDecay Lamb LinearCosineDecay Lion LossScaleOptimizer
    LossScaleOptimizerV1 LossScaleOptimizerV3 MultiOptimizer Muon Nadam
    NoisyLinearCosineDecay PiecewiseConstantDecay PolynomialDecay RMSprop SGD
    ScheduleFreeAdamW
    """
)
"""Optimizers and learning rate schedules."""

LOSSES_AND_METRICS = _words(
    """
    AUC AUCCurve AUCSummationMethod Accuracy BinaryAccuracy BinaryCrossentropy
    BinaryFocalCrossentropy BinaryIoU CTC CategoricalAccuracy CategoricalCrossentropy
    CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle
    ConcordanceCorrelation ConfusionMatrix CosineSimilarity Dice F1Score FBetaScore
    FalseNegatives FalsePositives Hinge Huber IoU KLDivergence LogCosh LogCoshError
    LossFunctionWrapper Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU
    MeanMetricWrapper MeanRelativeError MeanSquaredError MeanSquaredLogarithmicError
    MeanTensor OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision
    PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError
    SensitivityAtSpecificity SensitivitySpecificityBase SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity
    SquaredHinge Sum SumOverBatchSize SumOverBatchSizeMetricWrapper TopKCategoricalAccuracy
    TrueNegatives TruePositives Tversky
    """
)
"""Losses and metrics."""

ACTIVATIONS = _words(
    """
    celu crelu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish
    hard_tanh leaky_relu leakyrelu linear log_sigmoid log_softmax mish relu relu6 selu
    sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
    squareplus swish tanh tanh_shrink threshold
    """
)
"""Activation functions by name."""

FUNCTIONS = _words(
    """
    BCE KLD MAE MAPE MSE MSLE acc accuracy bce binary_accuracy binary_crossentropy
    binary_focal_crossentropy categorical_accuracy categorical_crossentropy
    categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge
    circle concordance_correlation cosine cosine_proximity cosine_similarity ctc dice
    fbeta_score fmeasure hinge huber is_categorical_crossentropy kl_divergence kld
    kullback_leibler_divergence log_cosh logcosh mae mape matthews_correlation
    mean_absolute_error mean_absolute_percentage_error mean_squared_error
    mean_squared_logarithmic_error mse msle pearson_correlation poisson precision recall
    sparse_categorical_accuracy sparse_categorical_crossentropy
    sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy tversky
    """
)
"""Loss and metric functions by name."""

CLASSES = LAYERS | OPERATIONS | OBJECTS | OPTIMIZERS | LOSSES_AND_METRICS
