export default {
  title: "识别记录",
};
