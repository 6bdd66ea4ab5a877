import type zh from "../zh/quality";
import type { Same } from "../same";

export default {
  score: "Quality",
  notRecognisable: "The face carries no identity: it is neither enrolled nor found",
  lacks: "It lacks most: {{what}}.",
  and: ", ",
  cover: { mouth: "Mouth and nose are covered.", eyes: "The eyes are covered.", half: "Half of the face is covered." },
  scale: {
    match: "Similarity {{similarity}} ≥ threshold {{threshold}}: the same person",
    noMatch: "Similarity {{similarity}} < threshold {{threshold}}: different people",
    shortMatch: "{{similarity}} ≥ {{threshold}}",
    shortNoMatch: "{{similarity}} < {{threshold}}",
  },
  components: {
    interEyeDistance: "Distance of the eyes",
    headPose: "Head pose",
    sharpness: "Sharpness",
    luminance: "Brightness",
    dynamicRange: "Dynamic range",
    overExposurePrevention: "Not overexposed",
    underExposurePrevention: "Not underexposed",
    illuminationUniformity: "Even light",
    crop: "Margin around the face",
    confidence: "Confidence of a face",
    landmarkAgreement: "Agreement of landmarks",
    uncovered: "Uncovered",
    embeddingLength: "Strength of the template",
    distinctness: "Distinctness",
    recognisability: "Recognisability",
  },
} satisfies Same<typeof zh>;
