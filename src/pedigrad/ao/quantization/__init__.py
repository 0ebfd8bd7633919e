"""`torch.ao.quantization`: observers, fake quantization, and models whose layers are quantized."""

from ...core.absent import handlers
from . import fake_quantize, observer, qconfig, quantization_mappings, stubs
from . import fuse_modules as fuse_modules_
from . import quantize as quantize_

_PUBLIC = {
    fake_quantize: """FakeQuantize FakeQuantizeBase FixedQParamsFakeQuantize FusedMovingAvgObsFakeQuantize default_dynamic_fake_quant
        default_fake_quant default_fixed_qparams_range_0to1_fake_quant default_fixed_qparams_range_0to1_observer
        default_fixed_qparams_range_neg1to1_fake_quant default_fixed_qparams_range_neg1to1_observer default_fused_act_fake_quant
        default_fused_per_channel_wt_fake_quant default_fused_wt_fake_quant default_histogram_fake_quant
        default_per_channel_weight_fake_quant default_weight_fake_quant disable_fake_quant disable_observer enable_fake_quant
        enable_observer default_affine_fixed_qparams_fake_quant default_embedding_fake_quant default_symmetric_fixed_qparams_fake_quant
        fused_per_channel_wt_fake_quant_range_neg_127_to_127 fused_wt_fake_quant_range_neg_127_to_127""",
    observer: """FixedQParamsObserver HistogramObserver default_histogram_observer
        MinMaxObserver MovingAverageMinMaxObserver MovingAveragePerChannelMinMaxObserver NoopObserver
        ObserverBase PerChannelMinMaxObserver PlaceholderObserver RecordingObserver UniformQuantizationObserverBase
        default_debug_observer default_dynamic_quant_observer default_float_qparams_observer default_observer
        default_per_channel_weight_observer default_placeholder_observer default_weight_observer
        per_channel_weight_observer_range_neg_127_to_127 weight_observer_range_neg_127_to_127 ReuseInputObserver
        default_affine_fixed_qparams_observer default_reuse_input_observer default_symmetric_fixed_qparams_observer
        get_observer_state_dict load_observer_state_dict""",
    qconfig: """QConfig QConfigAny default_activation_only_qconfig default_debug_qconfig default_dynamic_qat_qconfig
        default_dynamic_qconfig default_per_channel_qconfig default_qat_qconfig default_qat_qconfig_v2 default_qconfig
        default_weight_only_qconfig float16_dynamic_qconfig float16_static_qconfig float_qparams_weight_only_qconfig
        get_default_qat_qconfig get_default_qconfig per_channel_dynamic_qconfig default_embedding_qat_qconfig
        default_per_channel_symmetric_qnnpack_qat_qconfig default_per_channel_symmetric_qnnpack_qconfig default_quint8_weight_qconfig
        default_reuse_input_qconfig default_symmetric_qnnpack_qat_qconfig default_symmetric_qnnpack_qconfig qconfig_equals""",
    fuse_modules_: "fuse_modules fuse_modules_qat",
    quantization_mappings: """DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS DEFAULT_QAT_MODULE_MAPPINGS DEFAULT_STATIC_QUANT_MODULE_MAPPINGS
        get_default_dynamic_quant_module_mappings get_default_qat_module_mappings get_default_qconfig_propagation_list
        get_default_static_quant_module_mappings""",
    quantize_: """add_quant_dequant convert prepare prepare_qat propagate_qconfig_ quantize quantize_dynamic quantize_qat
        swap_module""",
    stubs: "DeQuantStub QuantStub QuantWrapper",
}
for _module, _names in _PUBLIC.items():
    globals().update({_name: getattr(_module, _name) for _name in _names.split()})

__all__ = sorted({name for names in _PUBLIC.values() for name in names.split()})
globals().update(handlers(__name__))
