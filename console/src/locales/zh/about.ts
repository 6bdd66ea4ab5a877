export default {
  title: "关于",
};
