"""Names that other image APIs have for what this model has too, or has not: each with what to type here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OtherName:
    """What a name of another API is here.

    Attributes:
        parameter: the parameter that it stands for, by Python name; ``""`` if there is none.
        hint: what to type, as it follows the sentence that X is not a parameter.
    """

    parameter: str
    hint: str


_ANSWERS = {
    "n count num_images n_images number_of_images image_count num_outputs num_samples n_samples sample_count batch_size "
    "batch_count candidate_count candidates": ("number_results", "number_results=4 makes four pictures of one request."),
    "size sizes image_size output_size dimensions": (
        "", 'a size is width=1264, height=848, or aspect_ratio="3:2" with resolution="1K".'
    ),
    "steps num_steps num_inference_steps inference_steps": (
        "", 'the model has no steps; thinking="HIGH" has it reason more before it draws.'
    ),
    "guidance guidance_scale cfg cfg_scale": (
        "", "the model has no such number: how closely a picture follows the prompt is up to the words of the prompt."
    ),
    "strength denoise denoising_strength image_strength": (
        "", "the model has no such number: the prompt says what stays of a reference image, and what changes."
    ),
    "sampler sampler_name scheduler lora loras controlnet vae clip_skip": ("", "the model has none."),
    "negative_prompt negative neg_prompt": ("", "the model has none: the prompt itself says what to leave out."),
    "quality": ("", 'resolution="2K" makes more pixels, and output_quality=95 is the compression of the file.'),
    "style style_preset style_name art_style": (
        "", "a style goes into the prompt; system_prompt holds one for many prompts."
    ),
    "image images image_url image_urls input_image input_images init_image seed_image image_prompt references": (
        "reference_images", "reference_images=[run.image] takes pictures, runs, files as pathlib.Path, and URLs."
    ),
    "mask mask_image": ("", "the model takes no mask: reference_images and a prompt that says what changes where."),
    "response_format": ("output_type", 'output_type="base64Data" is how a picture travels; nbkit stores the same file.'),
    "system system_instruction instructions": ("system_prompt", ""),
    "reasoning reasoning_effort thinking_level thinking_budget": ("thinking", 'thinking="HIGH" or "MINIMAL".'),
    "text description": ("prompt", ""),
    "top_k": ("top_p", "the model has no top_k."),
    "budget max_cost": ("", "a budget is for a studio, nbkit.Studio(budget=5.00), or for a sweep, sweep.run(budget=2.00); studio.generate(…, max_cost=0.10) bounds one call, studio.sweep(…, max_cost=0.10) each cell."),
    "max_workers workers": ("", "it is for a sweep: sweep.run(max_workers=4)."),
    "api_key key token": ("", "a key is for a studio: nbkit.Studio(api_key=…)."),
    "path folder filename output_dir save_path": (
        "", "pictures are kept in the folder of the studio, nbkit.Studio(path=…); run.image.save(…) writes a file."
    ),
}  # fmt: skip
"""By names, separated by spaces: the parameter, and what to type."""

_BY_NAME = {
    name.replace("_", ""): OtherName(parameter, f"did you mean {parameter}? {hint}".strip() if parameter else hint)
    for names, (parameter, hint) in _ANSWERS.items()
    for name in names.split()
}


def other_name(name: str) -> OtherName | None:
    """What a name of another API is here, in snake_case or camelCase; ``None`` for any other name.

    Example:
        >>> from nbkit.request.other_names import other_name
        >>> other_name("numImages").hint
        'did you mean number_results? number_results=4 makes four pictures of one request.'
    """
    return _BY_NAME.get(name.replace("_", "").replace("-", "").lower())
